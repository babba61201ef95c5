//! Matrix products that skip zeros of the left operand.
//!
//! About half of ReLU's outputs are zero, and so are the corresponding gradients in its backward
//! pass. Half of a hidden layer's multiplications thus add nothing. Here, vectors lie along the
//! columns of the right operand: one element of the left operand is multiplied by a whole row, and
//! zero elements are never visited. Sums keep their order, so the result equals the full product
//! bit for bit if all values are finite. An infinite weight that is multiplied by zero has no
//! effect.

use std::mem::MaybeUninit;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::matmul::Matrix;
use super::x86;
use crate::instructions::{arch, is_limited};

/// Rows of the right operand that are processed together, one bit each in a mask.
const DEPTH: usize = u64::BITS as usize;
/// The most columns that are processed together. With [`DEPTH`] rows they fit in the L1 cache.
const WIDTH: usize = 128;
/// Columns that are transposed together: a cache line.
const LINE: usize = 16;
/// The fewest rows for which copying the right operand pays off, measured.
const MIN_ROWS: usize = 16;
/// Share of nonzeros above which the full product is faster, measured.
const MAX_DENSITY: f64 = 0.75;

/// A product whose left operand has enough zeros to skip.
pub(super) struct Product<'a> {
    lhs: Matrix<'a>,
    rhs: Matrix<'a>,
    nonzeros: Nonzeros,
}

impl<'a> Product<'a> {
    /// Prepares `lhs · rhs`. Returns `None` if the full product is faster or the shape is
    /// unsuitable.
    ///
    /// # Panics
    /// If the shapes do not match.
    pub(super) fn new(lhs: Matrix<'a>, rhs: Matrix<'a>) -> Option<Self> {
        assert_eq!(lhs.cols(), rhs.rows(), "inner dimensions");
        if lhs.rows() < MIN_ROWS || lhs.cols() == 0 || !arch().dispatch(Suits(rhs.cols())) {
            return None;
        }
        let nonzeros = Nonzeros::of(lhs);
        let is_sparse = nonzeros.count() as f64 <= MAX_DENSITY * (lhs.rows() * lhs.cols()) as f64;
        // The full product would use all of the processor's instructions.
        (is_sparse || is_limited()).then_some(Self { lhs, rhs, nonzeros })
    }

    /// Writes the first terms of the product to every element of `out`, row-major. With
    /// [`Self::add_rest`] the product is complete.
    ///
    /// # Panics
    /// If `out` has the wrong length.
    pub(super) fn write_first(&self, out: &mut [MaybeUninit<f32>]) {
        assert_eq!(out.len(), self.lhs.rows() * self.rhs.cols(), "dimensions of the product");
        arch().dispatch(AddBlocks { product: self, blocks: 0..1, out: Out::New(out) });
    }

    /// Adds all other terms to `out`, after [`Self::write_first`].
    ///
    /// # Panics
    /// If `out` has the wrong length.
    pub(super) fn add_rest(&self, out: &mut [f32]) {
        self.add_blocks(1..self.blocks(), out);
    }

    /// Adds the product to `out`, row-major.
    ///
    /// # Panics
    /// If `out` has the wrong length.
    pub(super) fn add_to(&self, out: &mut [f32]) {
        self.add_blocks(0..self.blocks(), out);
    }

    fn add_blocks(&self, blocks: Range<usize>, out: &mut [f32]) {
        assert_eq!(out.len(), self.lhs.rows() * self.rhs.cols(), "dimensions of the product");
        arch().dispatch(AddBlocks { product: self, blocks, out: Out::Sums(out) });
    }

    /// Number of blocks of rows of the right operand, at least 1.
    fn blocks(&self) -> usize {
        self.lhs.cols().div_ceil(self.nonzeros.depth)
    }
}

/// Where a product goes.
enum Out<'a> {
    /// Memory to be written.
    New(&'a mut [MaybeUninit<f32>]),
    /// Sums to be added to.
    Sums(&'a mut [f32]),
}

/// The nonzero elements of a matrix.
struct Nonzeros {
    /// Masks, `[blocks, rows]`: bit l is element `depth · block + l` of a row.
    masks: Vec<u64>,
    rows: usize,
    /// Columns per block, about equal; the last block may be smaller.
    depth: usize,
}

impl Nonzeros {
    fn of(matrix: Matrix<'_>) -> Self {
        let (rows, cols) = (matrix.rows(), matrix.cols());
        let blocks = cols.div_ceil(DEPTH);
        let depth = cols.div_ceil(blocks);
        let mut masks = vec![0; blocks * rows];
        super::vectorised(
            #[inline(always)]
            || {
                if matrix.is_transposed() {
                    for (col, values) in matrix.values().chunks_exact(rows).enumerate() {
                        let bit = 1 << (col % depth);
                        let masks = masks[col / depth * rows..].iter_mut();
                        masks
                            .zip(values)
                            .for_each(|(mask, x)| *mask |= if *x == 0.0 { 0 } else { bit });
                    }
                } else {
                    for (row, values) in matrix.values().chunks_exact(cols).enumerate() {
                        for (block, values) in values.chunks(depth).enumerate() {
                            masks[block * rows + row] = mask(values);
                        }
                    }
                }
            },
        );
        Self { masks, rows, depth }
    }

    fn count(&self) -> u64 {
        self.masks.iter().map(|mask| u64::from(mask.count_ones())).sum()
    }
}

/// Returns a mask whose bit l is set if element l, of at most 64, is not zero.
#[inline(always)]
fn mask(values: &[f32]) -> u64 {
    let mut padded = [0.0; DEPTH];
    let full = values.try_into().unwrap_or_else(|_| {
        padded[..values.len()].copy_from_slice(values);
        &padded
    });
    x86::nonzeros(full)
}

/// Whether this many columns divide into groups of four vectors.
struct Suits(usize);

impl WithSimd for Suits {
    type Output = bool;

    fn with_simd<S: Simd>(self, _: S) -> bool {
        S::F32_LANES >= 4 && self.0 > 0 && self.0.is_multiple_of(4 * S::F32_LANES)
    }
}

struct AddBlocks<'a> {
    product: &'a Product<'a>,
    blocks: Range<usize>,
    out: Out<'a>,
}

impl WithSimd for AddBlocks<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { product, blocks, mut out } = self;
        let rhs = product.rhs;
        let mut block = Block([0.0; DEPTH * WIDTH]);
        for index in blocks {
            let mut col = 0;
            while col < rhs.cols() {
                // As many sums as registers allow: 16, or 32 with the widest vectors.
                let vectors = (rhs.cols() - col) / S::F32_LANES;
                col += S::F32_LANES
                    * match vectors {
                        12.. if 12 * S::F32_LANES <= WIDTH => {
                            product.add_block::<S, 12>(simd, &mut block, index, col, &mut out)
                        }
                        8.. => product.add_block::<S, 8>(simd, &mut block, index, col, &mut out),
                        _ => product.add_block::<S, 4>(simd, &mut block, index, col, &mut out),
                    };
            }
        }
    }
}

/// Part of the right operand, `[DEPTH, width]`, aligned to cache lines.
#[repr(align(64))]
struct Block([f32; DEPTH * WIDTH]);

impl Product<'_> {
    /// Adds the products of one block of rows of the right operand with `N` vectors of columns;
    /// returns `N`.
    #[inline(always)]
    fn add_block<S: Simd, const N: usize>(
        &self,
        simd: S,
        block: &mut Block,
        index: usize,
        col: usize,
        out: &mut Out<'_>,
    ) -> usize {
        let Self { lhs, rhs, nonzeros } = self;
        let width = N * S::F32_LANES;
        let first = index * nonzeros.depth;
        let depth = nonzeros.depth.min(lhs.cols() - first);
        copy_block::<S>(*rhs, [first, depth], [col, width], block);
        let block = S::as_simd_f32s(&block.0[..DEPTH * width]).0.as_chunks().0;
        let block: &[[S::f32s; N]; DEPTH] = block.try_into().expect("a block has DEPTH rows");

        let masks = &nonzeros.masks[index * nonzeros.rows..][..lhs.rows()];
        for (row, &mask) in masks.iter().enumerate() {
            let (x, stride) = lhs.row_from(row, first);
            let place = row * rhs.cols() + col..row * rhs.cols() + col + width;
            match out {
                Out::New(out) => {
                    let sums = [simd.splat_f32s(0.0); N];
                    let sums = add_rows(simd, mask, x, stride, block, sums);
                    let out = S::as_uninit_mut_simd_f32s(&mut out[place]).0;
                    out.iter_mut().zip(sums).for_each(|(out, sum)| _ = out.write(sum));
                }
                Out::Sums(out) => {
                    let out = S::as_mut_simd_f32s(&mut out[place]).0;
                    let sums: &mut [S::f32s; N] = out.try_into().expect("N vectors");
                    *sums = add_rows(simd, mask, x, stride, block, *sums);
                }
            }
        }
        N
    }
}

/// Copies rows and columns of `rhs`, each given by first index and count, to the front of `block`.
#[inline(always)]
fn copy_block<S: Simd>(
    rhs: Matrix<'_>,
    [row, depth]: [usize; 2],
    [col, width]: [usize; 2],
    block: &mut Block,
) {
    let block = &mut block.0[..depth * width];
    if rhs.is_transposed() {
        let line = |at: usize| &rhs.values()[at * rhs.rows() + row..][..depth];
        for part in (0..width).step_by(LINE) {
            let lines = std::array::from_fn(|at| line(col + part + at));
            x86::transpose(lines, &mut block[part..], width);
        }
    } else {
        let lines = rhs.values()[row * rhs.cols()..].chunks_exact(rhs.cols());
        for (block, line) in block.chunks_exact_mut(width).zip(lines) {
            let block = S::as_mut_simd_f32s(block).0.as_chunks_mut::<4>().0;
            let line = S::as_simd_f32s(&line[col..col + width]).0.as_chunks::<4>().0;
            // Four vectors go through registers. More would become a call of memcpy, which for so
            // few bytes costs more than the copy.
            match (block, line) {
                ([one, two, three], [a, b, c]) => (*one, *two, *three) = (*a, *b, *c),
                ([one, two], [a, b]) => (*one, *two) = (*a, *b),
                (block, line) => block.copy_from_slice(line),
            }
        }
    }
}

/// Returns `sums + Σ_l x[l · stride] · block[l]` over the set bits l of the mask, in order.
#[inline(always)]
fn add_rows<S: Simd, const N: usize>(
    simd: S,
    mut mask: u64,
    x: &[f32],
    stride: usize,
    block: &[[S::f32s; N]; DEPTH],
    mut sums: [S::f32s; N],
) -> [S::f32s; N] {
    while mask != 0 {
        let l = mask.trailing_zeros() as usize;
        mask &= mask - 1;
        let x = simd.splat_f32s(x[l * stride]);
        for (sum, value) in sums.iter_mut().zip(&block[l]) {
            *sum = simd.mul_add_e_f32s(x, *value, *sum);
        }
    }
    sums
}

#[cfg(test)]
mod tests;
