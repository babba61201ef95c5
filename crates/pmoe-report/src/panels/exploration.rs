use pmoe_results::AnalysisKind;
use pmoe_results::analysis::Exploration;

use super::{Seen, Sketch, by_cell, map, points};
use crate::format::count;
use crate::page::Panel;
use crate::palette::Color;
use crate::plot::{Key, KeyShape, Mark};

/// Draws one map per task and method.
pub(super) fn sketch(seen: &[Seen<'_, Exploration>]) -> Sketch {
    let mut charts = Vec::new();
    for cell in by_cell(seen) {
        // The figure shows the first seed, the table all of them.
        let one = cell[0];
        let mut chart = map(format!("{}, seed {}", one.method, one.seed), &one.analysis.arena);
        let color = Color::Palette(one.look.color);
        for episode in &one.analysis.episodes {
            let points = points(&episode.positions);
            chart.marks.push(Mark::Line { points, color, width: 0.7 });
        }
        let label = format!("{} episodes", one.analysis.episodes.len());
        chart.legend.push(Key { label, color, shape: KeyShape::Line });
        charts.push(chart);
    }
    let steps = seen.iter().map(|one| one.analysis.settings.steps).max().unwrap_or(0);
    let explanation = format!(
        "Where the point went in the first {} steps of training, while the policy begins to learn and without \
         uniformly random actions before: every line is an episode, all start in the lower left corner. The \
         target of an episode lies somewhere in the yellow region, its obstacles elsewhere each time. A policy \
         that gets there more often has more to learn from. The first seed is drawn; the table is of all.",
        count(steps)
    );
    Sketch {
        kind: AnalysisKind::Exploration,
        charts,
        panel: Panel::new("Exploration at the start of training", explanation),
    }
}
