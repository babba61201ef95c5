//! Series of several columns that repeat.

/// How alike the rows of a series are `lag` steps apart: 1 the same, 0 not related.
///
/// ```text
/// r(lag) = mean_t Σ_d (x_d(t) - m_d) (x_d(t + lag) - m_d) / Σ_d var_d
/// ```
///
/// with mean `m_d` and variance `var_d` of each column. `None` where nothing changes, and for a lag as
/// long as the series. Over few steps it may pass 1 a little.
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

/// Steps after which a series repeats.
///
/// Every column is divided by its standard deviation. Of the lags up to half the series at which the
/// [`autocorrelation`] has a peak, after it first fell below zero, it is the first whose peak is at least
/// nine tenths of the highest: whole multiples of a period are as alike as the period itself. `None`
/// where nothing repeats.
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
        // A pure tone of 10 steps, with another of a third of it.
        let tone = |step: usize| {
            let phase = TAU * step as f64 / 10.0;
            vec![phase.sin() + 0.5 * (3.0 * phase).cos()]
        };
        assert_eq!(period(&(0..200).map(tone).collect::<Vec<_>>()), Some(10));
        assert_eq!(period(&vec![vec![1.0, 2.0]; 50]), None);
        // A straight line comes back to nothing.
        assert_eq!(period(&(0..50).map(|step| vec![f64::from(step)]).collect::<Vec<_>>()), None);
        assert_eq!(period(&[]), None);
    }
}
