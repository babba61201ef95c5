//! Matrix products with few columns or short sums: policy heads, first layers, and their gradients.
//!
//! General products first copy their operands into cache-sized blocks, which here costs more than
//! the product itself. These products read the operands in place.

use pulp::{Simd, WithSimd};

use super::matmul::Matrix;
use crate::instructions::arch;

/// The most columns of the right operand for which sums are computed one by one, measured.
const FEW: usize = 16;
/// The longest sums that are computed for whole rows at once, measured.
const SHORT: usize = 32;
/// Rows and columns, or vectors of columns, that are processed together. Eight sums in registers
/// keep the multipliers of any processor busy.
const ROWS: usize = 2;
const COLS: usize = 4;

/// How a product is computed.
enum Kind {
    /// Short sums.
    Short,
    /// Few columns; the left operand is row-major.
    Dots,
    /// Few columns; the left operand is column-major.
    Outer,
}

fn kind(lhs: Matrix<'_>, rhs: Matrix<'_>) -> Option<Kind> {
    let is_whole = |count: usize| arch().dispatch(IsWhole(count));
    let is_few = (2..=FEW).contains(&rhs.cols());
    if (1..=SHORT).contains(&lhs.cols()) && is_whole(rhs.cols()) {
        Some(Kind::Short)
    } else if is_few && !lhs.is_transposed() && is_whole(lhs.cols()) {
        Some(Kind::Dots)
    } else if is_few && lhs.is_transposed() && is_whole(lhs.rows()) {
        Some(Kind::Outer)
    } else {
        None
    }
}

/// Whether [`add_product`] supports `lhs · rhs`.
pub(super) fn suits(lhs: Matrix<'_>, rhs: Matrix<'_>) -> bool {
    kind(lhs, rhs).is_some()
}

/// Adds `lhs · rhs` to `out`, row-major.
///
/// # Panics
/// If the shapes do not match or are not supported.
pub(super) fn add_product(lhs: Matrix<'_>, rhs: Matrix<'_>, out: &mut [f32]) {
    let (rows, sums, cols) = (lhs.rows(), lhs.cols(), rhs.cols());
    assert_eq!(sums, rhs.rows(), "inner dimensions");
    assert_eq!(out.len(), rows * cols, "dimensions of the product");
    let arch = arch();
    match kind(lhs, rhs).expect("a product that suits") {
        Kind::Short => arch.dispatch(Short { lhs, rhs: &rows_of(rhs), cols, out }),
        Kind::Dots => {
            let columns = rows_of(rhs.transposed());
            arch.dispatch(Dots { lhs: lhs.values(), columns: &columns, sums, cols, out });
        }
        Kind::Outer => {
            arch.dispatch(Outer { lhs: lhs.values(), rhs: &rows_of(rhs), rows, cols, out });
        }
    }
}

/// Returns the elements in row-major order, copied if necessary.
fn rows_of(matrix: Matrix<'_>) -> std::borrow::Cow<'_, [f32]> {
    if !matrix.is_transposed() {
        return matrix.values().into();
    }
    let mut rows = Vec::with_capacity(matrix.values().len());
    for row in 0..matrix.rows() {
        let (from, stride) = matrix.row_from(row, 0);
        rows.extend(from.iter().step_by(stride).take(matrix.cols()));
    }
    rows.into()
}

/// Whether this many elements are whole vectors, at least as many as are processed together.
struct IsWhole(usize);

impl WithSimd for IsWhole {
    type Output = bool;

    fn with_simd<S: Simd>(self, _: S) -> bool {
        self.0 >= COLS * S::F32_LANES && self.0.is_multiple_of(S::F32_LANES)
    }
}

/// `out += lhs · rhs` with short sums. Vectors lie along the columns.
struct Short<'a> {
    lhs: Matrix<'a>,
    /// Right operand, `[sums, cols]`.
    rhs: &'a [f32],
    cols: usize,
    out: &'a mut [f32],
}

impl WithSimd for Short<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { lhs, rhs, cols, out } = self;
        let vectors = cols / S::F32_LANES;
        for (index, out) in out.chunks_mut(ROWS * cols).enumerate() {
            let row = ROWS * index;
            let lines: [_; ROWS] =
                std::array::from_fn(|r| lhs.row_from((row + r).min(lhs.rows() - 1), 0));
            let mut vector = 0;
            while vector < vectors {
                if vectors - vector >= COLS {
                    add_lines::<S, COLS>(simd, lines, rhs, [cols, vector], out);
                    vector += COLS;
                } else {
                    add_lines::<S, 1>(simd, lines, rhs, [cols, vector], out);
                    vector += 1;
                }
            }
        }
    }
}

/// Adds the products for some rows and for `N` vectors of columns, from a given vector on.
#[inline(always)]
fn add_lines<S: Simd, const N: usize>(
    simd: S,
    lines: [(&[f32], usize); ROWS],
    rhs: &[f32],
    [cols, vector]: [usize; 2],
    out: &mut [f32],
) {
    let at = vector * S::F32_LANES;
    let mut sums = [[simd.splat_f32s(0.0); N]; ROWS];
    for (l, line) in rhs.chunks_exact(cols).enumerate() {
        let line: &[S::f32s] = S::as_simd_f32s(&line[at..at + N * S::F32_LANES]).0;
        for (sums, (x, stride)) in sums.iter_mut().zip(lines) {
            let x = simd.splat_f32s(x[l * stride]);
            for (sum, value) in sums.iter_mut().zip(line) {
                *sum = simd.mul_add_e_f32s(x, *value, *sum);
            }
        }
    }
    for (out, sums) in out.chunks_exact_mut(cols).zip(sums) {
        let out = S::as_mut_simd_f32s(&mut out[at..at + N * S::F32_LANES]).0;
        out.iter_mut().zip(sums).for_each(|(out, sum)| *out = simd.add_f32s(*out, sum));
    }
}

/// `out += lhs · columnsᵀ` with few columns. Vectors lie along the sums.
struct Dots<'a> {
    /// Left operand, `[rows, sums]`.
    lhs: &'a [f32],
    /// Transposed right operand, `[cols, sums]`.
    columns: &'a [f32],
    sums: usize,
    cols: usize,
    out: &'a mut [f32],
}

impl WithSimd for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { lhs, columns, sums, cols, out } = self;
        for (lines, out) in lhs.chunks(ROWS * sums).zip(out.chunks_mut(ROWS * cols)) {
            let last = lines.len() / sums - 1;
            let lines: [_; ROWS] = std::array::from_fn(|r| {
                let r = r.min(last);
                S::as_simd_f32s(&lines[r * sums..(r + 1) * sums]).0
            });
            for (part, columns) in columns.chunks(COLS * sums).enumerate() {
                let out = out.chunks_exact_mut(cols).map(|out| &mut out[COLS * part..]);
                match columns.len() / sums {
                    1 => add_dots::<S, 1>(simd, lines, columns, out),
                    2 => add_dots::<S, 2>(simd, lines, columns, out),
                    3 => add_dots::<S, 3>(simd, lines, columns, out),
                    _ => add_dots::<S, COLS>(simd, lines, columns, out),
                }
            }
        }
    }
}

/// Adds the products of some rows with `N` columns.
#[inline(always)]
fn add_dots<'a, S: Simd, const N: usize>(
    simd: S,
    lines: [&[S::f32s]; ROWS],
    columns: &[f32],
    out: impl Iterator<Item = &'a mut [f32]>,
) {
    let length = columns.len() / N;
    let columns: [&[S::f32s]; N] =
        std::array::from_fn(|c| S::as_simd_f32s(&columns[c * length..(c + 1) * length]).0);
    let vectors = length / S::F32_LANES;
    let (lines, columns) = (lines.map(|line| &line[..vectors]), columns.map(|c| &c[..vectors]));
    let mut sums = [[simd.splat_f32s(0.0); N]; ROWS];
    for at in 0..vectors {
        for (sums, line) in sums.iter_mut().zip(lines) {
            for (sum, column) in sums.iter_mut().zip(columns) {
                *sum = simd.mul_add_e_f32s(line[at], column[at], *sum);
            }
        }
    }
    for (out, sums) in out.zip(sums) {
        out.iter_mut().zip(sums).for_each(|(out, sum)| *out += simd.reduce_sum_f32s(sum));
    }
}

/// `out += lhsᵀ · rhs` with few columns. Vectors lie along the rows.
struct Outer<'a> {
    /// Transposed left operand, `[sums, rows]`.
    lhs: &'a [f32],
    /// Right operand, `[sums, cols]`.
    rhs: &'a [f32],
    rows: usize,
    cols: usize,
    out: &'a mut [f32],
}

impl WithSimd for Outer<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { lhs, rhs, rows, cols, out } = self;
        let width = ROWS * S::F32_LANES;
        // The last vectors may overlap rows that are already done, which are not added again.
        for start in (0..rows).step_by(width) {
            let first = start.min(rows - width);
            for col in (0..cols).step_by(COLS) {
                let operands = (lhs, rhs);
                let place = [rows, first, cols, col];
                match cols - col {
                    1 => add_outer::<S, 1>(simd, operands, place, start - first, out),
                    2 => add_outer::<S, 2>(simd, operands, place, start - first, out),
                    3 => add_outer::<S, 3>(simd, operands, place, start - first, out),
                    _ => add_outer::<S, COLS>(simd, operands, place, start - first, out),
                }
            }
        }
    }
}

/// Adds the products of some vectors of rows, except the first `skip` rows, with `N` columns.
#[inline(always)]
fn add_outer<S: Simd, const N: usize>(
    simd: S,
    (lhs, rhs): (&[f32], &[f32]),
    [rows, first, cols, col]: [usize; 4],
    skip: usize,
    out: &mut [f32],
) {
    let width = ROWS * S::F32_LANES;
    let mut sums = [[simd.splat_f32s(0.0); ROWS]; N];
    for (lhs, rhs) in lhs.chunks_exact(rows).zip(rhs.chunks_exact(cols)) {
        let lhs: &[S::f32s] = S::as_simd_f32s(&lhs[first..first + width]).0;
        for (sums, x) in sums.iter_mut().zip(&rhs[col..col + N]) {
            let x = simd.splat_f32s(*x);
            for (sum, value) in sums.iter_mut().zip(lhs) {
                *sum = simd.mul_add_e_f32s(x, *value, *sum);
            }
        }
    }
    for (c, sums) in sums.iter().enumerate() {
        let sums: &[f32] = pulp::bytemuck::cast_slice(sums);
        let out = out[(first + skip) * cols + col + c..].iter_mut().step_by(cols);
        out.zip(&sums[skip..]).for_each(|(out, sum)| *out += sum);
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "sums of small integers are exact")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(count: usize, step: usize) -> Vec<f32> {
        (0..count).map(|i| (i * step % 17) as f32 - 8.0).collect()
    }

    proptest! {
        /// Small integers, so that every order of summation gives the same bits.
        #[test]
        fn equals_the_triple_loop(
            (m, k, n) in prop_oneof![
                (1..40_usize, 1..=SHORT, (4..20_usize).prop_map(|n| 16 * n)),
                (1..40_usize, (4..20_usize).prop_map(|k| 16 * k), 2..=FEW),
                ((4..20_usize).prop_map(|m| 16 * m), 33..90_usize, 2..=FEW),
            ],
            left in any::<bool>(), right in any::<bool>(),
        ) {
            let (a, b) = (values(m * k, 5), values(k * n, 7));
            let lhs = if left { Matrix::new(&a, m).transposed() } else { Matrix::new(&a, k) };
            let rhs = if right { Matrix::new(&b, k).transposed() } else { Matrix::new(&b, n) };
            let mut out = vec![1.0; m * n];
            if suits(lhs, rhs) {
                add_product(lhs, rhs, &mut out);
                for i in 0..m {
                    for j in 0..n {
                        let a = |l: usize| if left { a[l * m + i] } else { a[i * k + l] };
                        let b = |l: usize| if right { b[j * k + l] } else { b[l * n + j] };
                        let expected: f32 = (0..k).map(|l| a(l) * b(l)).sum();
                        prop_assert_eq!(out[i * n + j], expected + 1.0);
                    }
                }
            }
        }
    }

    #[test]
    fn the_shapes_of_policies_suit() {
        let (a, b) = (values(100 * 256, 5), values(256 * 16, 7));
        // A policy head, its weight gradient, its input gradient, and a first layer.
        let head = (Matrix::new(&a, 256), Matrix::new(&b[..256 * 3], 3));
        assert!(suits(head.0, head.1));
        let dy = Matrix::new(&a[..300], 3);
        assert!(suits(head.0.transposed(), dy));
        assert!(suits(dy, head.1.transposed()));
        let (x, w) = (Matrix::new(&a[..1400], 14), Matrix::new(&b[..14 * 256], 256));
        assert!(suits(x, w));
    }
}
