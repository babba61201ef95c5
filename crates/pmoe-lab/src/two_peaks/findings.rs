//! The results as a table and a figure.

use pmoe_report::plot::{Axis, Chart, Color, Mark, Picture, Row, Sheet};
use pmoe_stats::Estimate;

use super::{MethodResult, Settings, TwoPeaks, methods, peaks};
use crate::findings::{Findings, number, table};

impl Findings for TwoPeaks {
    fn markdown(&self) -> String {
        let header = [
            "method",
            "both",
            "routing entropy",
            "mutual information",
            "E[Q]",
            "entropy",
            "J",
            "J − SAC's",
            "α",
        ];
        let sac = self.methods.iter().find(|method| method.name == "sac");
        let row = |of: &MethodResult| {
            let mean = |estimate: Estimate, digits| number(estimate.value, digits);
            // The router of one Gaussian, or of one whose best draw acts, has no say.
            let routed = |estimate: Estimate| match of.name {
                "sac" | "pmoe-sac-best" => "–".to_owned(),
                _ => number(estimate.value, 2),
            };
            vec![
                of.name.to_owned(),
                with_interval(&of.mean(|judged| judged.both), 2),
                routed(of.mean(|judged| judged.routing_entropy)),
                routed(of.mean(|judged| judged.mutual_information)),
                mean(of.mean(|judged| judged.value), 3),
                mean(of.mean(|judged| judged.entropy), 2),
                with_interval(&of.mean(|judged| judged.objective), 3),
                sac.map_or("–".to_owned(), |sac| with_interval(&of.lead(sac), 3)),
                mean(of.mean(|judged| judged.alpha), 2),
            ]
        };
        let Settings { seeds, updates, batch_size, alpha, num_primitives, .. } = &self.settings;
        let plural = if *seeds == 1 { "" } else { "s" };
        format!(
            "Two peaks: α = {alpha}, K = {num_primitives}, {updates} updates of {batch_size} states, {seeds} \
             seed{plural}; means and 95 % intervals over seeds. The best policy of all has J = {}.\n\n{}",
            number(self.best_objective, 3),
            table(&header, &self.methods.iter().map(row).collect::<Vec<_>>())
        )
    }

    fn picture(&self) -> Picture {
        let is_drawn = |of: &&MethodResult| {
            methods().iter().any(|method| method.name == of.name && method.is_drawn)
        };
        let mut shown: Vec<&MethodResult> = self.methods.iter().filter(is_drawn).collect();
        if shown.is_empty() {
            shown = self.methods.iter().collect();
        }
        let charts: Vec<Chart> = shown.into_iter().map(chart).collect();
        let row = |charts: &[Chart]| Row { charts: charts.to_vec(), height: 240.0 };
        Sheet {
            title: "Two peaks: actions drawn in the end, and the peaks".to_owned(),
            rows: charts.chunks(3).map(row).collect(),
        }
        .into()
    }
}

impl MethodResult {
    /// Returns how much higher J is than another method's, seed by seed.
    pub fn lead(&self, over: &Self) -> Estimate {
        let pairs = self.seeds.iter().zip(&over.seeds);
        let values = pairs.map(|(own, other)| own.objective - other.objective).collect();
        Estimate::mean(values, &pmoe_stats::Bootstrap::STANDARD).expect("at least one seed")
    }
}

fn with_interval(estimate: &Estimate, digits: usize) -> String {
    let ends = estimate
        .interval
        .map(|ends| format!(" [{}, {}]", number(ends.low, digits), number(ends.high, digits)));
    number(estimate.value, digits) + &ends.unwrap_or_default()
}

/// Draws the peaks over the state, and actions of the first seed.
fn chart(of: &MethodResult) -> Chart {
    let state = |index: i32| f64::from(index) / 100.0;
    let peak = |which: usize| Mark::Line {
        points: (-100..=100).map(state).map(|state| (state, peaks(state)[which].at)).collect(),
        color: Color::Palette(1),
        width: 1.5,
    };
    let points = of.drawn.clone();
    Chart {
        title: of.name.to_owned(),
        x: Axis { label: "state", range: [-1.0, 1.0] },
        y: Axis { label: "action", range: [-1.0, 1.0] },
        marks: vec![Mark::Dots { points, color: Color::Palette(0), size: 1.4 }, peak(0), peak(1)],
        ..Chart::default()
    }
}
