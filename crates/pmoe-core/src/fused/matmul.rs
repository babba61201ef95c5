//! Matrix products on slices: a safe interface to the `gemm` crate.
//!
//! This is the only unsafe code in the workspace's numerics. `gemm` takes raw pointers with
//! strides, reads the elements that they span and writes every element of the output. A [`Matrix`]
//! can only be created from a slice that contains all its elements, and the output's length or
//! capacity is checked, so every element lies inside its memory. The output is owned or borrowed
//! mutably, so it overlaps no operand. A product that skips zeros writes each element of new memory
//! once before any is read.

use super::{products, sparse, thin};

/// A borrowed matrix: row-major, or the transpose of a row-major one.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    cols: usize,
    is_transposed: bool,
}

impl<'a> Matrix<'a> {
    /// Creates a row-major matrix `[values.len() / cols, cols]`.
    ///
    /// # Panics
    /// If `values` is not a whole number of rows.
    pub(super) fn new(values: &'a [f32], cols: usize) -> Self {
        let rows = values.len().checked_div(cols).unwrap_or(0);
        assert_eq!(rows * cols, values.len(), "whole rows");
        Self { values, rows, cols, is_transposed: false }
    }

    /// Returns the transpose, which shares the memory.
    pub(super) fn transposed(self) -> Self {
        let Self { values, rows, cols, is_transposed } = self;
        Self { values, rows: cols, cols: rows, is_transposed: !is_transposed }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn cols(&self) -> usize {
        self.cols
    }

    pub(super) fn is_transposed(&self) -> bool {
        self.is_transposed
    }

    /// Returns the elements in memory order, for a transpose those of the original matrix.
    pub(super) fn values(&self) -> &'a [f32] {
        self.values
    }

    /// Returns the memory from element `(row, col)` on, and the distance of neighbours in a row.
    #[inline(always)]
    pub(super) fn row_from(&self, row: usize, col: usize) -> (&'a [f32], usize) {
        let (at, stride) = if self.is_transposed {
            (col * self.rows + row, self.rows)
        } else {
            (row * self.cols + col, 1)
        };
        (&self.values[at..], stride)
    }

    /// Distance of neighbours in a column and in a row.
    fn strides(&self) -> (isize, isize) {
        // A slice has at most isize::MAX elements.
        if self.is_transposed { (1, self.rows as isize) } else { (self.cols as isize, 1) }
    }
}

/// Computes `lhs · rhs`, row-major.
///
/// # Panics
/// If the shapes do not match.
#[allow(unsafe_code, reason = "see the head of this file")]
pub(super) fn matmul(lhs: Matrix<'_>, rhs: Matrix<'_>) -> Vec<f32> {
    products::record(lhs.rows, lhs.cols, rhs.cols);
    let len = lhs.rows * rhs.cols;
    if lhs.cols == 0 {
        return vec![0.0; len];
    }
    if thin::suits(lhs, rhs) {
        let mut out = vec![0.0; len];
        thin::add_product(lhs, rhs, &mut out);
        return out;
    }
    if let Some(product) = sparse::Product::new(lhs, rhs) {
        let mut out = Vec::with_capacity(len);
        product.write_first(&mut out.spare_capacity_mut()[..len]);
        // SAFETY: the product has written all `len` elements.
        unsafe { out.set_len(len) };
        product.add_rest(&mut out);
        return out;
    }
    let mut out = Vec::with_capacity(len);
    // SAFETY: the vector has capacity for the product. `gemm` does not read the output here and
    // writes every element (the sums are not empty), so all `len` elements are initialised.
    unsafe {
        call(out.as_mut_ptr(), false, lhs, rhs);
        out.set_len(len);
    }
    out
}

/// Computes `out ← out + lhs · rhs`; `out` is row-major.
///
/// # Panics
/// If the shapes do not match.
#[allow(unsafe_code, reason = "see the head of this file")]
pub(super) fn add_matmul(out: &mut [f32], lhs: Matrix<'_>, rhs: Matrix<'_>) {
    assert_eq!(out.len(), lhs.rows * rhs.cols, "dimensions of the product");
    products::record(lhs.rows, lhs.cols, rhs.cols);
    if thin::suits(lhs, rhs) {
        return thin::add_product(lhs, rhs, out);
    }
    if let Some(product) = sparse::Product::new(lhs, rhs) {
        return product.add_to(out);
    }
    // SAFETY: the slice has the length of the product.
    unsafe { call(out.as_mut_ptr(), true, lhs, rhs) }
}

/// Computes `out ← lhs · rhs` for row-major matrices `[.., inner]` and `[inner, ..]`, into existing
/// memory. Used to measure the lower bound of an update's cost.
///
/// # Panics
/// If the lengths do not match.
#[allow(unsafe_code, reason = "see the head of this file")]
pub fn gemm_into(out: &mut [f32], lhs: &[f32], rhs: &[f32], inner: usize) {
    let (lhs, rhs) = (Matrix::new(lhs, inner), Matrix::new(rhs, rhs.len() / inner));
    assert_eq!(out.len(), lhs.rows * rhs.cols, "dimensions of the product");
    // SAFETY: the slice has the length of the product.
    unsafe { call(out.as_mut_ptr(), false, lhs, rhs) }
}

/// Writes `lhs · rhs` to `out`, or adds it if `accumulate` is set.
///
/// # Safety
/// `out` must point to memory for `lhs.rows · rhs.cols` elements that overlaps no operand, and is
/// initialised if `accumulate` is set.
#[allow(unsafe_code, reason = "see the head of this file")]
unsafe fn call(out: *mut f32, accumulate: bool, lhs: Matrix<'_>, rhs: Matrix<'_>) {
    let (m, k, n) = (lhs.rows, lhs.cols, rhs.cols);
    assert_eq!(k, rhs.rows, "inner dimensions");
    let ((lhs_rs, lhs_cs), (rhs_rs, rhs_cs)) = (lhs.strides(), rhs.strides());
    // SAFETY: with these strides, the largest offset into each operand is rows · cols − 1, which is
    // inside its slice by `Matrix::new`. The largest offset into `out` is m · n − 1, which the
    // caller guarantees to be valid.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out,
            1,
            n as isize,
            accumulate,
            lhs.values.as_ptr(),
            lhs_cs,
            lhs_rs,
            rhs.values.as_ptr(),
            rhs_cs,
            rhs_rs,
            if accumulate { 1.0 } else { 0.0 },
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
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
            m in 1..20_usize, k in 1..40_usize, n in 1..20_usize, left in any::<bool>(), right in any::<bool>(),
        ) {
            let (a, b) = (values(m * k, 5), values(k * n, 7));
            let lhs = if left { Matrix::new(&a, m).transposed() } else { Matrix::new(&a, k) };
            let rhs = if right { Matrix::new(&b, k).transposed() } else { Matrix::new(&b, n) };
            let product = matmul(lhs, rhs);
            let mut out = vec![1.0; m * n];
            add_matmul(&mut out, lhs, rhs);
            for i in 0..m {
                for j in 0..n {
                    let a = |l: usize| if left { a[l * m + i] } else { a[i * k + l] };
                    let b = |l: usize| if right { b[j * k + l] } else { b[l * n + j] };
                    let expected: f32 = (0..k).map(|l| a(l) * b(l)).sum();
                    prop_assert_eq!(product[i * n + j], expected);
                    prop_assert_eq!(out[i * n + j], expected + 1.0);
                }
            }
        }
    }

    #[test]
    fn empty_sums_are_zero() {
        assert_eq!(matmul(Matrix::new(&[], 0), Matrix::new(&[], 2)), [] as [f32; 0]);
        let mut out = [];
        add_matmul(&mut out, Matrix::new(&[], 2), Matrix::new(&[1.0, 2.0], 1));
    }

    #[test]
    #[should_panic(expected = "dimensions of the product")]
    fn a_short_output_is_refused() {
        let a = values(6, 1);
        add_matmul(&mut [0.0; 3], Matrix::new(&a, 3), Matrix::new(&a, 2));
    }

    #[test]
    #[should_panic(expected = "inner dimensions")]
    fn unequal_inner_dimensions_are_refused() {
        let a = values(6, 1);
        add_matmul(&mut [0.0; 6], Matrix::new(&a, 3), Matrix::new(&a, 3));
    }
}
