//! Operations that AVX-512 does in one instruction but the compiler does not find on its own. They
//! return `None` on processors without AVX-512.

#[cfg(target_arch = "x86_64")]
use pulp::{bytemuck::cast, x86::V4};

/// Number of elements in a vector.
pub(super) const LANES: usize = 16;

/// Returns a mask whose bit l is set if element l is not zero.
#[inline(always)]
pub(super) fn nonzeros(values: &[f32; 64]) -> Option<u64> {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = V4::try_new() {
        let zero = simd.splat_f32x16(0.0);
        let bits = |vector: &[f32; LANES]| simd.cmp_not_eq_f32x16(cast(*vector), zero).0;
        let vectors = values.as_chunks::<LANES>().0.iter().rev();
        return Some(vectors.fold(0, |mask, vector| mask << LANES | u64::from(bits(vector))));
    }
    _ = values;
    None
}

/// Writes the columns of a square block, whose rows are the starts of `lines`, to rows of `out`
/// that begin `width` elements apart. Returns `None` and writes nothing if `lines` are too short.
#[inline(always)]
pub(super) fn transpose(lines: [&[f32]; LANES], out: &mut [f32], width: usize) -> Option<()> {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = V4::try_new() {
        // Elements of the first and second half in alternation; those of the second start at 16.
        const ORDER: [[u32; LANES]; 2] = [
            [0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23],
            [8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31],
        ];
        let order = ORDER.map(cast);
        let mut rows = [simd.avx512f._mm512_setzero_ps(); LANES];
        for (row, line) in rows.iter_mut().zip(lines) {
            *row = cast(*line.first_chunk::<LANES>()?);
        }
        // Four perfect shuffles of the two halves.
        for _ in 0..LANES.ilog2() {
            rows = std::array::from_fn(|row| {
                let (one, two) = (rows[row / 2], rows[LANES / 2 + row / 2]);
                simd.avx512f._mm512_permutex2var_ps(one, order[row % 2], two)
            });
        }
        for (out, row) in out.chunks_mut(width).zip(rows) {
            *out.first_chunk_mut::<LANES>()? = cast(row);
        }
        return Some(());
    }
    _ = (lines, out, width);
    None
}
