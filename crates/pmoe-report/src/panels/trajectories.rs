use pmoe_results::{AnalysisKind, Outcome, Rollout, Trajectories};

use super::{Seen, Sketch, by_cell, map, points, primitive_key};
use crate::page::Panel;
use crate::plot::{Chart, Color, Key, KeyShape, Mark};

/// One map per method; of one with primitives another, where each acts alone.
pub(super) fn sketch(seen: &[Seen<'_, Trajectories>]) -> Sketch {
    let mut charts = Vec::new();
    for cell in by_cell(seen) {
        // The first seed is drawn; the table has all.
        let one = cell[0];
        let title = format!("{}, seed {}", one.method, one.seed);
        let mut whole = map(title.clone(), &one.analysis.arena);
        one.analysis.of(None).for_each(|rollout| draw(&mut whole, rollout, one.color));
        let label = format!("{} trajectories", one.analysis.of(None).count());
        whole.legend.push(Key { label, color: Color::Palette(one.color), shape: KeyShape::Line });
        charts.push(whole);
        let num_primitives = one.analysis.num_primitives();
        if num_primitives < 2 {
            continue;
        }
        let mut alone = map(format!("{title}, each primitive alone"), &one.analysis.arena);
        for k in 0..num_primitives {
            one.analysis.of(Some(k)).for_each(|rollout| draw(&mut alone, rollout, k));
            alone.legend.push(primitive_key(k, KeyShape::Line));
        }
        charts.push(alone);
    }
    let explanation = "A point starts in the lower left corner and is to reach the green target without \
        touching an obstacle or the edge. Each line is one trajectory of the trained policy, which \
        draws its actions at random from its distribution; a cross is where one ended otherwise than at \
        the target. Of a mixture, a second map shows each primitive acting alone: distinguishable \
        primitives take different ways."
        .to_owned();
    Sketch {
        kind: AnalysisKind::Trajectories,
        charts,
        panel: Panel::new("Ways to the target", explanation),
    }
}

fn draw(chart: &mut Chart, rollout: &Rollout, color: usize) {
    let color = Color::Palette(color);
    let way = points(&rollout.positions);
    let end: Vec<_> = way.last().copied().into_iter().collect();
    chart.marks.push(Mark::Line { points: way, color, width: 1.4 });
    if rollout.outcome != Outcome::Reached {
        chart.marks.push(Mark::Crosses { points: end, color: Color::Text });
    }
}
