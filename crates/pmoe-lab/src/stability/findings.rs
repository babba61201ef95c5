//! The rates as a table and a figure.

use pmoe_report::plot::{Axis, Chart, Color, Key, KeyShape, Mark, Picture, Row, Sheet};

use super::cases::Loss;
use super::{Deviations, OfSeveral, Rates, Settings, Stability, WIDEST};
use crate::findings::{Findings, number, table};

impl Findings for Stability {
    fn markdown(&self) -> String {
        let header =
            ["value", "loss", "m", "σ", "restoring", "separating", "λ", "λ, grown", "with σ free"];
        let row = |of: &Rates| {
            let numbers = [
                (of.mean, 2),
                (of.std, 3),
                (of.restoring, 3),
                (of.separating, 3),
                (of.rate, 3),
                (of.grown, 3),
                (of.together, 3),
            ];
            let text = [of.case.to_owned(), of.loss.name().to_owned()].into_iter();
            text.chain(numbers.map(|(value, digits)| number(value, digits))).collect()
        };
        let of_dims =
            |of: &Deviations| vec![of.dims.to_string(), number(of.rate, 3), number(of.measured, 3)];
        let of_several = |of: &OfSeveral| {
            let numbers = [of.std, of.restoring, of.separating, of.rate, of.measured];
            let text = [of.case.to_owned(), of.primitives.to_string()].into_iter();
            text.chain(numbers.map(|value| number(value, 3))).collect()
        };
        let several = ["value", "K", "σ", "restoring", "separating", "λ", "measured"];
        let Settings { alpha, samples } = self.settings;
        format!(
            "Rate λ at which a small split of the means of two equal primitives grows; α = {alpha}. Restoring and \
             separating are its parts, by quadrature. Grown: of a finite split that descends the gradient of the \
             loss, with σ held, over at least {samples} pairs of noise. With σ free: the largest rate of splits in \
             mean and standard deviation together, by the same gradient.\n\n{}\n\
             Rate at which a small split of the log σ of two equal primitives grows under back-propagation-max at \
             the top of a concave value in A dimensions.\n\n{}\n\
             Rate λ of a split of two of K equal primitives under back-propagation-max. \
             Measured: of a split of σ/5, by the gradient of the loss over ten times as many points of noise.\n\n{}",
            table(&header, &self.rates.iter().map(row).collect::<Vec<_>>()),
            table(
                &["A", "λ_σ", "measured"],
                &self.deviations.iter().map(of_dims).collect::<Vec<_>>()
            ),
            table(&several, &self.of_several.iter().map(of_several).collect::<Vec<_>>()),
        )
    }

    fn picture(&self) -> Picture {
        let charts: Vec<Chart> = self.rates.chunks(Loss::ALL.len()).map(chart).collect();
        let rows = charts.chunks(2);
        let row = |charts: &[Chart]| Row { charts: charts.to_vec(), height: 270.0 };
        Sheet {
            title: "Growth of a split between two equal primitives".to_owned(),
            rows: rows.map(row).collect(),
        }
        .into()
    }
}

/// Draws how fast splits grow for one value: lines for finite ones, a dot for λ.
fn chart(of: &[Rates]) -> Chart {
    let rates = of.iter().flat_map(|rates| rates.of_split.iter().map(|(_, rate)| *rate));
    let rates: Vec<f64> = rates.chain(of.iter().map(|rates| rates.rate)).chain([0.0]).collect();
    let low = rates.iter().copied().fold(f64::INFINITY, f64::min);
    let high = rates.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let air = 0.08 * (high - low);
    let mut chart = Chart {
        title: of[0].case.to_owned(),
        x: Axis { label: "split of the means, in σ", range: [-0.1, WIDEST] },
        y: Axis { label: "rate of growth", range: [low - air, high + air] },
        ..Chart::default()
    };
    let zero = vec![(-0.1, 0.0), (WIDEST, 0.0)];
    chart.marks.push(Mark::Line { points: zero, color: Color::Text, width: 1.0 });
    for (index, rates) in of.iter().enumerate() {
        let color = Color::Palette(index);
        let points = rates.of_split.clone();
        chart.marks.push(Mark::Line { points, color, width: 2.0 });
        let points = vec![(0.0, rates.rate)];
        chart.marks.push(Mark::Dots { points, color, size: 4.0 });
        chart.legend.push(Key::new(rates.loss.name(), color, KeyShape::Line));
    }
    chart
}
