//! Periods of multivariate series.

/// Computes the autocorrelation of a multivariate series at a lag: 1 if the rows repeat exactly, 0
/// if they are unrelated.
///
/// ```text
/// r(lag) = mean_t Σ_d (x_d(t) - m_d) (x_d(t + lag) - m_d) / Σ_d var_d
/// ```
///
/// with mean `m_d` and variance `var_d` of each column. Returns `None` for a constant series, and
/// if the lag is not shorter than the series. On a short series the value may slightly exceed 1.
#[must_use]
pub fn autocorrelation(rows: &[Vec<f64>], lag: usize) -> Option<f64> {
    let columns = rows.first()?.len();
    let pairs = rows.len().checked_sub(lag).filter(|pairs| 0 < *pairs)?;
    let (mut covariance, mut variance) = (0.0, 0.0);
    for d in 0..columns {
        let mean = rows.iter().map(|row| row[d]).sum::<f64>() / rows.len() as f64;
        let from_mean = |t: usize| rows[t][d] - mean;
        let products: f64 = (0..pairs).map(|t| from_mean(t) * from_mean(t + lag)).sum();
        let squares: f64 = (0..rows.len()).map(|t| from_mean(t).powi(2)).sum();
        covariance += products / pairs as f64;
        variance += squares / rows.len() as f64;
    }
    (0.0 < variance).then(|| covariance / variance)
}

/// Returns the number of steps after which a series repeats, or `None` if it does not.
///
/// Every column is first divided by its standard deviation. Candidates are the lags up to half the
/// series at which the [`autocorrelation`] peaks after it first fell below zero. The period is the
/// first candidate whose peak reaches nine tenths of the highest one, because multiples of a period
/// correlate as strongly as the period itself.
#[must_use]
pub fn period(rows: &[Vec<f64>]) -> Option<usize> {
    let columns = rows.first()?.len();
    let mut scaled = vec![Vec::with_capacity(columns); rows.len()];
    for d in 0..columns {
        let mean = rows.iter().map(|row| row[d]).sum::<f64>() / rows.len() as f64;
        let squares: f64 = rows.iter().map(|row| (row[d] - mean).powi(2)).sum();
        let std = (squares / rows.len() as f64).sqrt();
        if 0.0 < std {
            scaled.iter_mut().zip(rows).for_each(|(to, from)| to.push((from[d] - mean) / std));
        }
    }
    let correlation = (0..=rows.len() / 2)
        .map(|lag| autocorrelation(&scaled, lag))
        .collect::<Option<Vec<_>>>()?;
    let below = correlation.iter().position(|value| *value < 0.0)?;
    let is_peak = |lag: &usize| {
        let [before, here, after] = [lag - 1, *lag, lag + 1].map(|lag| correlation[lag]);
        0.0 < here && before < here && after <= here
    };
    let peaks: Vec<_> = (below + 1..correlation.len().saturating_sub(1)).filter(is_peak).collect();
    let highest = peaks.iter().map(|lag| correlation[*lag]).fold(0.0, f64::max);
    peaks.into_iter().find(|lag| 0.9 * highest <= correlation[*lag])
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    #[test]
    fn a_period_is_the_shortest_of_its_multiples_and_constants_have_none() {
        // A sine of period 10 with its third harmonic.
        let tone = |step: usize| {
            let phase = TAU * step as f64 / 10.0;
            vec![phase.sin() + 0.5 * (3.0 * phase).cos()]
        };
        assert_eq!(period(&(0..200).map(tone).collect::<Vec<_>>()), Some(10));
        assert_eq!(period(&vec![vec![1.0, 2.0]; 50]), None);
        // A straight line never repeats.
        assert_eq!(period(&(0..50).map(|step| vec![f64::from(step)]).collect::<Vec<_>>()), None);
        assert_eq!(period(&[]), None);
    }
}
