//! t-SNE with the paper's settings on 10 000 points of 11 dimensions in 8 blobs, the size of
//! Hopper's states in Fig. 4. Runs it twice and compares the bits. Each run takes five minutes of
//! one core and 0.4 GB.
//!
//! ```text
//! cargo build --release --workspace --example tsne_of_blobs
//! time taskset -c 0 target/release/examples/tsne_of_blobs
//! ```
//!
//! For fewer points, more dimensions or fewer iterations:
//! `tsne_of_blobs POINTS DIMENSIONS ITERATIONS`.

use std::error::Error;
use std::time::Instant;

use pmoe_stats::kmeans::kmeans;
use pmoe_stats::silhouette::silhouette_score;
use pmoe_stats::{Points, Tsne};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

const BLOBS: usize = 8;
/// Standard deviation of the blobs' centres, relative to that within a blob.
const SPREAD: f64 = 4.0;

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<usize> =
        std::env::args().skip(1).map(|argument| argument.parse()).collect::<Result<_, _>>()?;
    let argument = |index: usize, default| arguments.get(index).copied().unwrap_or(default);
    let (num_points, dim) = (argument(0, 10_000), argument(1, 11));
    let settings = Tsne { iterations: argument(2, Tsne::PAPER.iterations), ..Tsne::PAPER };

    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
    let centers: Vec<f64> = (0..BLOBS * dim).map(|_| SPREAD * normal()).collect();
    let labels: Vec<usize> = (0..num_points).map(|point| point % BLOBS).collect();
    let axes = labels.iter().flat_map(|label| &centers[label * dim..][..dim]);
    let values: Vec<f64> = axes.map(|center| center + normal()).collect();
    let points = Points::new(&values, dim)?;

    let start = Instant::now();
    let clusters = kmeans(points, BLOBS, 10, 300, 0)?;
    println!("k-means: {:.1} s, inertia {:.1}", start.elapsed().as_secs_f64(), clusters.inertia);
    let start = Instant::now();
    let score = silhouette_score(points, &labels)?;
    println!("silhouettes: {:.1} s, score {score:.3}", start.elapsed().as_secs_f64());

    let mut first = None;
    for _ in 0..2 {
        let start = Instant::now();
        let embedding = settings.embed(points)?;
        let seconds = start.elapsed().as_secs_f64();
        let plane = Points::new(embedding.positions.as_flattened(), 2)?;
        let score = silhouette_score(plane, &labels)?;
        let divergence = embedding.divergence;
        println!("t-SNE: {seconds:.1} s, divergence {divergence:.4}, silhouette {score:.3}");
        let bits: Vec<_> = embedding.positions.iter().map(|xy| xy.map(f64::to_bits)).collect();
        match &first {
            None => first = Some(bits),
            Some(first) if *first == bits => println!("the same bits twice"),
            Some(_) => return Err("other bits the second time".into()),
        }
    }
    Ok(())
}
