//! Reports of archived runs, and their clips.

use std::fs;

use pmoe_results::Status;
use pmoe_results::archive::archive;

use crate::Fixture;

const VALUES: [f64; 4] = [1.0, 2.0, 3.0, 4.0];

fn names(seed: u64) -> (&'static str, &'static str, u64) {
    ("sac", "Hopper-v4", seed)
}

fn folder(seed: u64) -> String {
    format!("table9/sac/Hopper-v4/seed_{seed}")
}

#[test]
fn archived_runs_give_the_same_report() {
    let fixture = Fixture::new();
    (0..3).for_each(|seed| fixture.suite_run(names(seed), &VALUES, Status::Done));
    fixture.report();
    let before = fs::read(fixture.output().join("numbers.json")).unwrap();
    let page = fixture.page();
    for seed in 0..3 {
        let run = fixture.results().join(folder(seed));
        let kept = fixture.dir.path().join("kept");
        archive(&run, &kept, 0).unwrap();
        fs::remove_dir_all(&run).unwrap();
        fs::rename(kept, run).unwrap();
    }
    fixture.report();
    assert_eq!(fs::read(fixture.output().join("numbers.json")).unwrap(), before);
    // Only the links to the events differ.
    assert_eq!(fixture.page(), page.replace("events.jsonl\">events", "events.packed.xz\">events"));
    assert_ne!(fixture.page(), page);
}

#[test]
fn the_best_run_with_a_clip_is_shown() {
    let fixture = Fixture::new();
    for seed in 0..3 {
        let values = VALUES.map(|value| value * f64::from(1 + u32::try_from(seed).unwrap()));
        fixture.suite_run(names(seed), &values, Status::Done);
    }
    let clip = |seed: u64, bytes: &[u8]| {
        fs::write(fixture.results().join(folder(seed)).join("clip.mp4"), bytes).unwrap();
    };
    fixture.report();
    assert!(!fixture.page().contains("<video"));
    // Neither a film nor small.
    clip(1, b"GIF89a...");
    clip(2, &[b"....ftyp".as_slice(), &[0; 500_000]].concat());
    fixture.report();
    assert!(!fixture.page().contains("<video"));
    clip(0, b"....ftyp");
    fixture.report();
    assert!(fixture.page().contains("seed 0, final return 4.0"), "{}", fixture.page());
    clip(2, b"....ftyp<script>");
    fixture.report();
    let page = fixture.page();
    assert_eq!(
        page.matches("<video src=\"data:video/mp4;base64,Li4uLmZ0eXA8c2NyaXB0Pg==\"").count(),
        1
    );
    assert!(
        page.contains("seed 2, final return 12") && page.contains("<a href=\"#gallery\">Clips")
    );
}
