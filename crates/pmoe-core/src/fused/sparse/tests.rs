#![allow(clippy::float_cmp, reason = "sums of halves are exact")]

use proptest::prelude::*;

use super::super::matmul::matmul;
use super::*;

/// A few distinct half-integers, so that every order of summation gives the same bits; none is 0.
fn values(count: usize, step: usize) -> Vec<f32> {
    (0..count).map(|i| (i * step % 17) as f32 - 8.5).collect()
}

/// Whether this processor has vector instructions, without which sparse products are not used.
fn has_vectors() -> bool {
    arch().dispatch(Suits(256))
}

fn product(lhs: Matrix<'_>, rhs: Matrix<'_>) -> Option<Vec<f32>> {
    let mut out = vec![1.0; lhs.rows() * rhs.cols()];
    Product::new(lhs, rhs)?.add_to(&mut out);
    Some(out)
}

proptest! {
    #[test]
    fn equals_the_triple_loop(
        m in MIN_ROWS..40, k in 1..150_usize, lines in 1..10_usize, density in 0.0..0.7,
        left in any::<bool>(), right in any::<bool>(), seed in any::<u64>(),
    ) {
        // Four of the widest vectors, so that the width suits every processor.
        let n = 64 * lines;
        let (mut a, b) = (values(m * k, 5), values(k * n, 7));
        let mut state = seed | 1;
        for x in &mut a {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let uniform = (state >> 40) as f64 / (1 << 24) as f64;
            *x = if uniform < density { *x } else { 0.0 };
        }
        let lhs = if left { Matrix::new(&a, m).transposed() } else { Matrix::new(&a, k) };
        let rhs = if right { Matrix::new(&b, k).transposed() } else { Matrix::new(&b, n) };
        // A small matrix may by chance be denser than the density it is drawn with.
        let found = product(lhs, rhs);
        prop_assert!(found.is_some() || density > 0.5 || m * k < 1000 || !has_vectors());
        for (index, found) in found.iter().flatten().enumerate() {
            let (i, j) = (index / n, index % n);
            let a = |l: usize| if left { a[l * m + i] } else { a[i * k + l] };
            let b = |l: usize| if right { b[j * k + l] } else { b[l * n + j] };
            prop_assert_eq!(*found, 1.0 + (0..k).map(|l| a(l) * b(l)).sum::<f32>());
        }
    }
}

#[test]
fn what_does_not_pay_or_suit_is_left_to_others() {
    let (a, b) = (values(100 * 64, 3), values(64 * 256, 3));
    assert!(Product::new(Matrix::new(&a, 64), Matrix::new(&b, 256)).is_none(), "no zeros");
    let zeros = |rows: usize, n: usize| {
        Product::new(Matrix::new(&vec![0.0; rows * 64], 64), Matrix::new(&b[..64 * n], n)).is_some()
    };
    assert_eq!(zeros(100, 256), has_vectors());
    assert!(!zeros(1, 256), "one row");
    assert!(!zeros(100, 6), "less than four vectors");
}

#[test]
fn what_is_not_a_number_stays_visible() {
    let (mut a, b) = (vec![0.0; 16 * 40], values(40 * 64, 3));
    a[40 * 3 + 7] = f32::NAN;
    let Some(found) = product(Matrix::new(&a, 40), Matrix::new(&b, 64)) else {
        return assert!(!has_vectors(), "nearly all zeros");
    };
    assert!(found[3 * 64..4 * 64].iter().all(|x| x.is_nan()));
    assert_eq!(found.iter().filter(|x| x.is_nan()).count(), 64);
}

#[test]
#[should_panic(expected = "dimensions of the product")]
fn a_short_output_is_refused() {
    let (a, b) = (vec![0.0; 16 * 40], values(40 * 64, 3));
    match Product::new(Matrix::new(&a, 40), Matrix::new(&b, 64)) {
        Some(product) => product.add_to(&mut [0.0; 3]),
        None => panic!("no vectors here; dimensions of the product"),
    }
}

/// A product in new memory has the bits of one that is added to zeros.
#[test]
fn new_memory_is_written_completely() {
    for (rows, k) in [(16, 1), (40, 64), (23, 65), (100, 256)] {
        let (mut a, b) = (values(rows * k, 5), values(k * 256, 7));
        a.iter_mut().skip(1).step_by(2).for_each(|x| *x = 0.0);
        // A row without any nonzero.
        a[..k].fill(0.0);
        let Some(product) = Product::new(Matrix::new(&a, k), Matrix::new(&b, 256)) else {
            assert!(!has_vectors());
            continue;
        };
        let mut added = vec![0.0; rows * 256];
        product.add_to(&mut added);
        assert_eq!(matmul(Matrix::new(&a, k), Matrix::new(&b, 256)), added);
    }
}
