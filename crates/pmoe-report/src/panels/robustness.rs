use pmoe_results::analysis::{NoiseLevel, Robustness};
use pmoe_results::{AnalysisKind, Suite};
use pmoe_stats::{Bootstrap, Estimate};

use super::{Seen, Sketch, by_cell};
use crate::curves::{band_words, strength};
use crate::format::{self, NOTHING};
use crate::page::{Panel, PanelTable};
use crate::palette::{Color, Look};
use crate::plot::{Axis, Chart, Key, KeyShape, Mark};

/// Mean returns of a method at one noise level.
struct Level<'a> {
    task: &'a str,
    method: &'a str,
    look: Look,
    is_subject: bool,
    obs_noise: f64,
    estimate: Estimate,
    /// Standard deviation over the episodes of a run, averaged over the runs.
    spread: f64,
}

/// Draws one chart per task, and the rows of Table 5 next to the paper's.
pub(super) fn sketch(
    seen: &[Seen<'_, Robustness>],
    suite: Option<&Suite>,
    bootstrap: &Bootstrap,
) -> Sketch {
    let levels: Vec<_> = by_cell(seen).iter().flat_map(|cell| levels(cell, bootstrap)).collect();
    let mut tasks: Vec<&str> = levels.iter().map(|level| level.task).collect();
    tasks.dedup();
    let episodes = seen.iter().map(|one| one.analysis.settings.episodes).max().unwrap_or(0);
    let explanation = format!(
        "Trained policies play {episodes} episodes each while random noise is added to every number that \
         they observe, the same kind and strength for all. They are the policies at the end of training, so \
         without noise they return something else than the mean of its last tenth, the final return below. \
         A policy that depends less on exact \
         observations keeps more of its return. The paper has one policy per method and gives the \
         standard deviation over its episodes; the intervals here, shaded in the figure, are over policies \
         trained from different seeds (of two or three seeds their range), and the spread is that within \
         one policy, its mean over the seeds."
    );
    let mut panel = Panel::new("Returns under noise on the observations", explanation);
    panel.tables = (!levels.is_empty()).then(|| table(&levels, suite)).into_iter().collect();
    let pictures = tasks.into_iter().map(|task| chart(task, &levels, bootstrap).into()).collect();
    Sketch { kind: AnalysisKind::Robustness, pictures, panel }
}

/// Returns the levels of one method on one task, at every noise level that any of its runs was
/// evaluated at.
fn levels<'a>(cell: &[&Seen<'a, Robustness>], bootstrap: &Bootstrap) -> Vec<Level<'a>> {
    let all = || cell.iter().flat_map(|one| &one.analysis.levels);
    let mut strengths: Vec<f64> = all().map(|level| level.obs_noise).collect();
    strengths.sort_by(f64::total_cmp);
    strengths.dedup_by(|a, b| a.total_cmp(b).is_eq());
    let level = |obs_noise: f64| {
        let here = || all().filter(move |level| level.obs_noise.total_cmp(&obs_noise).is_eq());
        let estimate =
            Estimate::mean(here().filter_map(NoiseLevel::mean_return).collect(), bootstrap)?;
        let spreads: Vec<_> = here().filter_map(NoiseLevel::std_return).collect();
        let spread = spreads.iter().sum::<f64>() / spreads.len() as f64;
        let Seen { task, method, look, is_subject, .. } = *cell[0];
        Some(Level { task, method, look, is_subject, obs_noise, estimate, spread })
    };
    strengths.into_iter().filter_map(level).collect()
}

fn table(levels: &[Level<'_>], suite: Option<&Suite>) -> PanelTable {
    let paper = suite.map(|suite| &suite.paper).filter(|paper| !paper.noise.is_empty());
    let mut head =
        ["Task", "Method", "Noise", "Return", "Spread of episodes"].map(str::to_owned).to_vec();
    head.extend(paper.map(|_| "Paper: return ± spread".to_owned()));
    head.push("Seeds".to_owned());
    let row = |level: &Level<'_>| {
        let mut row = vec![
            level.task.to_owned(),
            level.method.to_owned(),
            level.obs_noise.to_string(),
            format::estimate(Some(&level.estimate), format::number),
            format::number(level.spread),
        ];
        row.extend(paper.map(|paper| {
            let printed = paper.noise_return(level.method, level.task, level.obs_noise);
            printed.map_or(NOTHING.to_owned(), |printed| {
                format!("{} ± {}", format::number(printed.mean), format::number(printed.std))
            })
        }));
        row.push(level.estimate.values.len().to_string());
        row
    };
    PanelTable { rows: levels.iter().map(row).collect(), head, names: 2 }
}

fn chart(task: &str, levels: &[Level<'_>], bootstrap: &Bootstrap) -> Chart {
    let levels: Vec<_> = levels.iter().filter(|level| level.task == task).collect();
    let (mut bands, mut lines, mut legend) = (Vec::new(), Vec::new(), Vec::new());
    let mut methods: Vec<(&str, Look, bool)> =
        levels.iter().map(|level| (level.method, level.look, level.is_subject)).collect();
    methods.dedup();
    let has_subject = methods.iter().any(|(.., is_subject)| *is_subject);
    // The subject lies over the others.
    let mut back_to_front = methods.clone();
    back_to_front.sort_by_key(|(.., is_subject)| *is_subject);
    for (method, look, is_subject) in back_to_front {
        let here = || levels.iter().filter(move |level| level.method == method);
        let color = Color::Palette(look.color);
        let band = here().filter_map(|level| {
            level.estimate.interval.map(|of| (level.obs_noise, (of.low, of.high)))
        });
        let (x, (low, high)) = band.unzip();
        let (opacity, width) = strength(is_subject, has_subject);
        bands.push(Mark::Area { x, low, high, color, opacity });
        let points: Vec<_> = here().map(|level| (level.obs_noise, level.estimate.value)).collect();
        lines.push(Mark::Curve { points: points.clone(), look, width });
        lines.push(match look.sign {
            Some(_) => Mark::Signs { points, look },
            None => Mark::Dots { points, color, size: 2.0 * width },
        });
    }
    for (method, look, _) in methods {
        let of_method = levels.iter().filter(|level| level.method == method);
        let seeds = of_method.map(|level| level.estimate.values.len()).max().unwrap_or(0);
        let key = Key::new(method, Color::Palette(look.color), KeyShape::Curve(look));
        legend.push(Key { note: format::plural(seeds, "seed"), ..key });
    }
    let seeds = levels.iter().map(|level| level.estimate.values.len());
    let band = band_words(seeds.filter(|seeds| 1 < *seeds), 100.0 * bootstrap.level);
    legend.extend(band.map(|label| Key::new(&label, Color::Grid, KeyShape::Area)));
    let ends = levels.iter().flat_map(|level| {
        let interval =
            level.estimate.interval.map_or([level.estimate.value; 2], |of| [of.low, of.high]);
        [level.estimate.value, interval[0], interval[1]]
    });
    let ends: Vec<f64> = ends.collect();
    let low = ends.iter().copied().fold(f64::INFINITY, f64::min).min(0.0);
    let high = ends.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let air = (0.05 * (high - low)).max(0.1);
    let most = levels.iter().map(|level| level.obs_noise).fold(0.0, f64::max).max(0.01);
    Chart {
        title: task.to_owned(),
        x: Axis { label: "standard deviation of the noise", range: [-0.03 * most, 1.03 * most] },
        y: Axis { label: "return (undiscounted)", range: [low - air, high + air] },
        marks: bands.into_iter().chain(lines).collect(),
        legend,
        ..Chart::default()
    }
}
