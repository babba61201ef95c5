//! Operations that x86 processors do in a few vector instructions but the compiler does not find on
//! its own, and the same without them.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256, __m512};

#[cfg(target_arch = "x86_64")]
use pulp::{
    Arch,
    bytemuck::cast,
    x86::{V3, V4},
};

#[cfg(target_arch = "x86_64")]
use crate::instructions::arch;

/// Returns a mask whose bit l is set if element l is not zero.
#[inline(always)]
pub(super) fn nonzeros(values: &[f32; 64]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    match arch() {
        Arch::V4(simd) => {
            let zero = simd.splat_f32x16(0.0);
            let bits = |vector: &[f32; 16]| simd.cmp_not_eq_f32x16(cast(*vector), zero).0;
            let vectors = values.as_chunks().0.iter().rev();
            return vectors.fold(0, |mask, vector| mask << 16 | u64::from(bits(vector)));
        }
        Arch::V3(simd) => {
            let zero = simd.splat_f32x8(0.0);
            let bits = |vector: &[f32; 8]| {
                let is_nonzero = cast(simd.cmp_not_eq_f32x8(cast(*vector), zero));
                simd.avx._mm256_movemask_ps(is_nonzero) as u64
            };
            let vectors = values.as_chunks().0.iter().rev();
            return vectors.fold(0, |mask, vector| mask << 8 | bits(vector));
        }
        _ => (),
    }
    // In halves, as vectors of 32-bit integers match those of floats.
    let half = |values: &[f32]| {
        let bits =
            values.iter().enumerate().map(|(bit, x)| if *x == 0.0 { 0 } else { 1_u32 << bit });
        u64::from(bits.fold(0, |mask, bit| mask | bit))
    };
    half(&values[..32]) | half(&values[32..]) << 32
}

/// Writes the columns of `lines`, which are all of the same length, to rows of `out` that begin
/// `width` elements apart: element l of line c becomes `out[l · width + c]`.
#[inline(always)]
pub(super) fn transpose(lines: [&[f32]; 16], out: &mut [f32], width: usize) {
    #[cfg(target_arch = "x86_64")]
    let done = match arch() {
        Arch::V4(simd) => transpose_by_16(simd, lines, out, width),
        Arch::V3(simd) => {
            let [one, two] = [0, 8].map(|first| std::array::from_fn(|c| lines[first + c]));
            transpose_by_8(simd, one, out, width);
            transpose_by_8(simd, two, out.get_mut(8..).unwrap_or_default(), width)
        }
        _ => 0,
    };
    #[cfg(not(target_arch = "x86_64"))]
    let done = 0;
    for (c, line) in lines.into_iter().enumerate() {
        for (l, x) in line.iter().enumerate().skip(done) {
            out[l * width + c] = *x;
        }
    }
}

/// Does so for as many columns as fill whole vectors; returns their number.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn transpose_by_16(simd: V4, lines: [&[f32]; 16], out: &mut [f32], width: usize) -> usize {
    // Elements of the first and second half in alternation; those of the second start at 16.
    const ORDER: [[u32; 16]; 2] = [
        [0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23],
        [8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31],
    ];
    let order = ORDER.map(cast);
    let tiles = lines[0].len() / 16;
    let lines: [&[[f32; 16]]; 16] = lines.map(|line| &line.as_chunks().0[..tiles]);
    for tile in 0..tiles {
        let mut rows: [__m512; 16] = lines.map(|line| cast(line[tile]));
        // Four perfect shuffles of the two halves.
        for _ in 0..4 {
            rows = std::array::from_fn(|row| {
                let (one, two) = (rows[row / 2], rows[8 + row / 2]);
                simd.avx512f._mm512_permutex2var_ps(one, order[row % 2], two)
            });
        }
        for (out, row) in out[16 * tile * width..].chunks_mut(width).zip(rows) {
            out[..16].copy_from_slice(&cast::<_, [f32; 16]>(row));
        }
    }
    16 * tiles
}

/// Does the same for eight lines.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn transpose_by_8(simd: V3, lines: [&[f32]; 8], out: &mut [f32], width: usize) -> usize {
    let avx = simd.avx;
    let tiles = lines[0].len() / 4;
    let lines: [&[[f32; 4]]; 8] = lines.map(|line| &line.as_chunks().0[..tiles]);
    for tile in 0..tiles {
        // Lines 0 to 3 in the lower half, 4 to 7 in the upper half.
        let load = |c: usize| -> __m256 { cast([lines[c][tile], lines[4 + c][tile]]) };
        let (a, b, c, d) = (load(0), load(1), load(2), load(3));
        let ab = [avx._mm256_unpacklo_ps(a, b), avx._mm256_unpackhi_ps(a, b)];
        let cd = [avx._mm256_unpacklo_ps(c, d), avx._mm256_unpackhi_ps(c, d)];
        let rows = [
            avx._mm256_shuffle_ps::<0x44>(ab[0], cd[0]),
            avx._mm256_shuffle_ps::<0xee>(ab[0], cd[0]),
            avx._mm256_shuffle_ps::<0x44>(ab[1], cd[1]),
            avx._mm256_shuffle_ps::<0xee>(ab[1], cd[1]),
        ];
        let out = &mut out[4 * tile * width..][..3 * width + 8];
        for (l, row) in rows.into_iter().enumerate() {
            out[l * width..][..8].copy_from_slice(&cast::<_, [f32; 8]>(row));
        }
    }
    4 * tiles
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "nothing is computed")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fused::vectorised;

    proptest! {
        #[test]
        fn columns_become_rows(depth in 0..70_usize, spare in 0..20_usize, width in 16..40_usize) {
            // Lines may be longer than what is copied of them.
            let values: Vec<f32> = (0..16 * (depth + spare)).map(|x| x as f32).collect();
            let line = |c: usize| &values[c * (depth + spare)..][..depth];
            let mut out = vec![-1.0; depth * width];
            vectorised(
                #[inline(always)]
                || transpose(std::array::from_fn(line), &mut out, width),
            );
            for (index, x) in out.iter().enumerate() {
                let (l, c) = (index / width, index % width);
                prop_assert_eq!(*x, if c < 16 { line(c)[l] } else { -1.0 });
            }
        }

        #[test]
        fn a_bit_for_each_nonzero(bits in any::<u64>()) {
            let signs = [1.0, -2.5, f32::NAN, f32::MIN_POSITIVE / 2.0];
            let values = std::array::from_fn(|bit| {
                if bits >> bit & 1 == 1 { signs[bit % 4] } else { [0.0, -0.0][bit % 2] }
            });
            let found = vectorised(
                #[inline(always)]
                || nonzeros(&values),
            );
            prop_assert_eq!(found, bits);
        }
    }
}
