use pmoe_results::AnalysisKind;
use pmoe_results::analysis::Exploration;

use super::{Seen, Sketch, by_cell, ends, largest, map, points};
use crate::format::{count, plural};
use crate::page::Panel;
use crate::palette::Color;
use crate::plot::{Key, KeyShape, Mark};

/// Draws one map per task and method.
pub(super) fn sketch(seen: &[Seen<'_, Exploration>]) -> Sketch {
    let mut pictures = Vec::new();
    let half = largest(seen.iter().map(|one| &one.analysis.arena));
    for cell in by_cell(seen) {
        // The figure shows the first seed, the table all of them.
        let one = cell[0];
        let title = format!("{}, seed {}", one.method, one.seed);
        let mut chart = map(title, &one.analysis.arena, half);
        let color = Color::Palette(one.look.color);
        let episodes = &one.analysis.episodes;
        for episode in episodes {
            let points = points(&episode.positions);
            chart.marks.push(Mark::Line { points, color, width: 0.9 });
        }
        let ways = episodes.iter().map(|of| (of.positions.as_slice(), of.outcome));
        ends(&mut chart, one.analysis.arena.start, ways);
        let label = plural(episodes.len(), "episode");
        chart.legend.push(Key::new(&label, color, KeyShape::Line));
        pictures.push(chart.into());
    }
    let steps = seen.iter().map(|one| one.analysis.settings.steps).max().unwrap_or(0);
    let explanation = format!(
        "Where the point went in the first {} steps of training, while the policy begins to learn and without \
         uniformly random actions before: every line is an episode, all start in the lower left corner, and a cross is where one ended otherwise than at the target. The \
         target of an episode lies somewhere in the yellow region, its obstacles elsewhere each time. A policy \
         that gets there more often has more to learn from. The first seed is drawn; the table is of all.",
        count(steps)
    );
    Sketch {
        kind: AnalysisKind::Exploration,
        pictures,
        panel: Panel::new("Exploration at the start of training", explanation),
    }
}
