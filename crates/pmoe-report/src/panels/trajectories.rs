use pmoe_results::AnalysisKind;
use pmoe_results::analysis::{EpisodeEnd, Rollout, Trajectories};

use super::{Seen, Sketch, by_cell, ends, largest, map, points, primitive_key};
use crate::format::plural;
use crate::page::Panel;
use crate::palette::Color;
use crate::plot::{Chart, Key, KeyShape, Mark};

/// Draws one map per task and method with all seeds. A mixture gets another map, of one seed, where
/// each primitive acts alone.
pub(super) fn sketch(seen: &[Seen<'_, Trajectories>]) -> Sketch {
    let mut pictures = Vec::new();
    let half = largest(seen.iter().map(|one| &one.analysis.arena));
    for cell in by_cell(seen) {
        let Seen { method, look, .. } = *cell[0];
        let color = Color::Palette(look.color);
        let all = || cell.iter().flat_map(|one| one.analysis.of(None));
        let title = format!("{method}, {}", plural(cell.len(), "seed"));
        let arena = &cell[0].analysis.arena;
        let mut whole = map(title, arena, half);
        all().for_each(|rollout| draw(&mut whole, rollout, color));
        ends(&mut whole, arena.start, all().map(way));
        let arrived = all().filter(|rollout| rollout.outcome == EpisodeEnd::Reached).count();
        let label = format!("{arrived} of {} arrive", all().count());
        whole.legend.push(Key::new(&label, color, KeyShape::Line));
        pictures.push(whole.into());
        // Primitives of different seeds do not correspond.
        let arrives =
            |one: &Trajectories| one.of(None).any(|rollout| rollout.outcome == EpisodeEnd::Reached);
        let one = cell.iter().find(|one| arrives(&one.analysis)).unwrap_or(&cell[0]);
        let num_primitives = one.analysis.num_primitives();
        if num_primitives < 2 {
            continue;
        }
        let title = format!("{method}, seed {}, each primitive alone", one.seed);
        let mut alone = map(title, &one.analysis.arena, half);
        for k in 0..num_primitives {
            let color = Color::Primitive(k);
            one.analysis.of(Some(k)).for_each(|rollout| draw(&mut alone, rollout, color));
            alone.legend.push(primitive_key(k, KeyShape::Line));
        }
        let ways = (0..num_primitives).flat_map(|k| one.analysis.of(Some(k)).map(way));
        ends(&mut alone, one.analysis.arena.start, ways);
        pictures.push(alone.into());
    }
    let explanation = "A point starts in the lower left corner and is to reach the yellow target without \
        touching an obstacle or the edge. Each line is one trajectory of a trained policy, which here \
        draws its actions at random from its distribution, as in training, unlike in the evaluations of \
        the learning curves; a cross is where one ended otherwise than at the target, by touching something \
        or by the time limit. Of a mixture, a second map shows each primitive acting alone, for the first \
        seed whose policy arrives: distinguishable primitives take different ways. A route is the side on \
        which each obstacle is passed. The silhouette of the ways is of those that arrive, in the runs in \
        which two primitives or more do."
        .to_owned();
    Sketch {
        kind: AnalysisKind::Trajectories,
        pictures,
        panel: Panel::new("Ways to the target", explanation),
    }
}

fn draw(chart: &mut Chart, rollout: &Rollout, color: Color) {
    let points = points(&rollout.positions);
    chart.marks.push(Mark::Line { points, color, width: 1.2 });
}

fn way(rollout: &Rollout) -> (&[[f64; 2]], Option<EpisodeEnd>) {
    (rollout.positions.as_slice(), Some(rollout.outcome))
}
