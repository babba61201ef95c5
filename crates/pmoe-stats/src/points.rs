//! Points in a high-dimensional space, and the distance between them.

/// Points stored one after the other in a single slice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Points<'a> {
    values: &'a [f64],
    dim: usize,
}

/// Errors of clustering and embedding points.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PointsError {
    /// The numbers do not form whole points.
    #[error("{len} numbers do not form one or more points of {dim} dimensions")]
    Shape {
        /// Number of values.
        len: usize,
        /// Dimensions of a point.
        dim: usize,
    },
    /// A coordinate is infinite or not a number.
    #[error("coordinate {coordinate} of point {point} is {value}, which is not finite")]
    NotFinite {
        /// The point, from 0.
        point: usize,
        /// The coordinate, from 0.
        coordinate: usize,
        /// Its value.
        value: f64,
    },
    /// A setting is out of range.
    #[error("{key} is {value}, but must be {allowed}")]
    BadValue {
        /// Name of the setting.
        key: &'static str,
        /// Its value.
        value: String,
        /// Description of the allowed values.
        allowed: String,
    },
    /// The t-SNE iterations diverged.
    #[error(
        "the positions are not finite: learning_rate or initial_std is too large, or the points are too far apart"
    )]
    Diverged,
    /// The worker thread can't be started.
    #[error("cannot start a thread: {message}")]
    Thread {
        /// The underlying error.
        message: String,
    },
}

impl PointsError {
    pub(crate) fn bad_value(
        key: &'static str,
        value: impl ToString,
        allowed: impl Into<String>,
    ) -> Self {
        Self::BadValue { key, value: value.to_string(), allowed: allowed.into() }
    }
}

impl<'a> Points<'a> {
    /// Creates points from a slice.
    ///
    /// # Shapes
    /// `values` is `[N, dim]` in row-major order.
    ///
    /// # Errors
    /// If there is no point, the last point is incomplete, or a coordinate is not finite.
    pub fn new(values: &'a [f64], dim: usize) -> Result<Self, PointsError> {
        let len = values.len();
        if dim == 0 || len == 0 || !len.is_multiple_of(dim) {
            return Err(PointsError::Shape { len, dim });
        }
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            let (point, coordinate) = (index / dim, index % dim);
            return Err(PointsError::NotFinite { point, coordinate, value: values[index] });
        }
        Ok(Self { values, dim })
    }

    /// Returns the number of points, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "there is always a point")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Returns the dimension of a point, at least 1.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Iterates over the points in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [f64]> + Clone {
        self.values.chunks_exact(self.dim)
    }

    /// Returns the coordinates of a point.
    pub(crate) fn get(&self, point: usize) -> &'a [f64] {
        &self.values[point * self.dim..][..self.dim]
    }
}

/// Computes the squared Euclidean distance.
pub(crate) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    // Four parallel sums map to one vector instruction; their order is fixed, so the result is
    // reproducible.
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
    let mut sums = [0.0; 4];
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += (a - b) * (a - b);
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| (a - b) * (a - b)).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_by_hand() {
        // 1 + 4 + 9 + 16 + 25 over five dimensions: one vector of four and a remainder.
        let distance = squared_distance(&[0.0; 5], &[1.0, -2.0, 3.0, -4.0, 5.0]);
        assert!((distance - 55.0).abs() < 1e-15);
    }

    #[test]
    fn what_are_no_points_is_refused() {
        let values = [0.0, 1.0, f64::NAN, 3.0];
        let message = |values, dim| Points::new(values, dim).unwrap_err().to_string();
        assert_eq!(message(&values, 3), "4 numbers do not form one or more points of 3 dimensions");
        assert_eq!(message(&values, 0), "4 numbers do not form one or more points of 0 dimensions");
        assert_eq!(message(&[], 2), "0 numbers do not form one or more points of 2 dimensions");
        let expected = "coordinate 0 of point 1 is NaN, which is not finite";
        assert_eq!(message(&values, 2), expected);
        let points = Points::new(&values[..2], 1).unwrap();
        assert_eq!((points.len(), points.dim()), (2, 1));
    }
}
