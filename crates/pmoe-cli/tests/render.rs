//! Pictures and clips. MuJoCo's need a graphics device: without one the tests print a remark and
//! pass, unless `PMOE_REQUIRE_RENDER` is set, as in CI.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::collections::BTreeSet;
use std::env;
use std::fs::File;
use std::io::BufReader;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use common::{pmoe, refuse, run, succeed, train};

/// Width, height and set of colours of a picture.
fn decode_png(path: &Path) -> (u32, u32, BTreeSet<[u8; 3]>) {
    let decoder = png::Decoder::new(BufReader::new(File::open(path).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    (info.width, info.height, bytes.as_chunks::<3>().0.iter().copied().collect())
}

/// Width, height and number of pictures of a clip, and whether any two differ.
fn decode_gif(path: &Path) -> (u16, u16, usize, bool) {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(File::open(path).unwrap()).unwrap();
    let (width, height) = (decoder.width(), decoder.height());
    let mut pictures = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        pictures.push(frame.buffer.to_vec());
    }
    let moves = pictures.windows(2).any(|pair| pair[0] != pair[1]);
    (width, height, pictures.len(), moves)
}

/// Whether MuJoCo can render here.
#[expect(clippy::print_stderr, reason = "a remark in the log of the tests")]
fn has_graphics(message: &str) -> bool {
    let missing = message.contains("no graphics device");
    let required = env::var_os("PMOE_REQUIRE_RENDER").is_some();
    assert!(!(missing && required), "{message}");
    if missing {
        eprintln!("skipped: {message}");
    }
    !missing
}

#[test]
fn target_reaching_is_drawn_without_graphics() {
    let dir = tempfile::tempdir().unwrap();
    let draw = |file: &str, task: &str, more: &[&str]| {
        let path = dir.path().join(file);
        let mut command = pmoe();
        command.args(["env", "render", "--task", task, "--width", "200", "--output"]).arg(&path);
        succeed(command.args(more));
        path
    };
    let (width, height, colors) = decode_png(&draw("a.png", "TargetReachingFixed-v0", &[]));
    assert_eq!((width, height), (200, 200));
    for color in [[255, 255, 255], [0, 0, 0], [120, 120, 120], [0, 158, 115], [0, 114, 178]] {
        assert!(colors.contains(&color), "{color:?}");
    }
    let clip = draw("a.gif", "TargetReaching-v0", &["--steps", "20"]);
    let (width, height, pictures, moves) = decode_gif(&clip);
    assert_eq!((width, height), (200, 200));
    assert!((2..=21).contains(&pictures) && moves, "{pictures} pictures");
    let again = draw("b.gif", "TargetReaching-v0", &["--steps", "20"]);
    assert_eq!(std::fs::read(clip).unwrap(), std::fs::read(again).unwrap(), "the same seed");
}

/// Width, height and number of pictures of an MP4, by ffmpeg's own account, and seconds that it lasts.
fn probe(path: &Path) -> ([usize; 3], f64) {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args(["-loglevel", "error", "-count_frames", "-select_streams", "v", "-of", "csv=p=0"]);
    ffprobe.args(["-show_entries", "stream=width,height,nb_read_frames,duration"]).arg(path);
    let text = succeed(&mut ffprobe);
    // In its own order.
    let [width, height, duration, pictures] =
        text.trim().split(',').collect::<Vec<_>>().try_into().unwrap();
    let counts = [width, height, pictures].map(|count: &str| count.parse().unwrap());
    (counts, duration.parse().unwrap())
}

/// Skipped, with a remark, where ffmpeg is not installed, unless `PMOE_REQUIRE_RENDER` is set.
#[test]
fn an_mp4_has_the_pictures_of_the_gif() {
    if Command::new("ffmpeg").arg("-version").output().is_err() {
        assert!(env::var_os("PMOE_REQUIRE_RENDER").is_none(), "ffmpeg is not installed");
        eprintln!("skipped: ffmpeg is not installed");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let draw = |file: &str| {
        let path = dir.path().join(file);
        let mut command = pmoe();
        command.args(["env", "render", "--task", "TargetReaching-v0", "--width", "201"]);
        succeed(command.args(["--steps", "20", "--output"]).arg(&path));
        path
    };
    let (.., pictures, _) = decode_gif(&draw("a.gif"));
    let clip = draw("a.mp4");
    let (counts, seconds) = probe(&clip);
    // Odd numbers of pixels are rounded up.
    assert_eq!(counts, [202, 202, pictures]);
    // The task's own pace: ten steps per second.
    let expected = 0.1 * pictures as f64;
    assert!((seconds - expected).abs() < 1e-3, "{seconds} s of {pictures} pictures");
    assert_eq!(std::fs::read(clip).unwrap(), std::fs::read(draw("b.mp4")).unwrap());
    // Only the clips are left.
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
}

#[test]
fn without_ffmpeg_an_mp4_is_refused_with_what_works() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = pmoe();
    command.args(["env", "render", "--task", "TargetReaching-v0", "--steps", "3", "--output"]);
    command.arg(dir.path().join("a.mp4"));
    refuse(command.env("PATH", dir.path()), 2, &["`ffmpeg`", "not on the search path", ".gif"]);
    // One that fails, as a full disk would make it.
    let ffmpeg = dir.path().join("ffmpeg");
    std::fs::write(&ffmpeg, "#!/bin/sh\necho no such encoder >&2\nexit 3\n").unwrap();
    std::fs::set_permissions(&ffmpeg, PermissionsExt::from_mode(0o755)).unwrap();
    refuse(command.env("PATH", dir.path()), 1, &["ffmpeg ended with", "3", "no such encoder"]);
    assert!(!dir.path().join("a.mp4").exists());
}

#[test]
fn mujoco_tasks_and_policies_are_drawn() {
    let dir = tempfile::tempdir().unwrap();
    let output = |file: &str| dir.path().join(file);
    let mut command = pmoe();
    command.args(["env", "render", "--task", "HumanoidStandup-v5", "--steps", "2"]);
    command.args(["--width", "160", "--height", "120", "--output"]).arg(output("a.png"));
    let finished = run(&mut command);
    if !has_graphics(&finished.stderr) {
        return;
    }
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let (width, height, colors) = decode_png(&output("a.png"));
    assert_eq!((width, height), (160, 120));
    assert!(colors.len() > 100, "{} colours", colors.len());

    let folder = dir.path().join("run");
    succeed(&mut train("pmoe-sac", 150, &folder));
    let mut command = pmoe();
    command.arg("render").arg(&folder).args(["--steps", "12", "--width", "96", "--height", "96"]);
    succeed(command.arg("--output").arg(output("a.gif")));
    let (width, height, pictures, moves) = decode_gif(&output("a.gif"));
    // One picture at the start, one every fifth step, and one at the end.
    assert_eq!((width, height, pictures), (96, 96, 4));
    assert!(moves);
}

#[test]
fn a_missing_graphics_device_is_named_with_what_to_install() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = pmoe();
    // Where libEGL searches for drivers.
    command.env("__EGL_VENDOR_LIBRARY_FILENAMES", dir.path().join("none.json"));
    command.args(["env", "render", "--task", "Ant-v5", "--output"]).arg(dir.path().join("a.png"));
    refuse(&mut command, 1, &["no graphics device", "libegl1", "libgl1-mesa-dri"]);
    assert!(!dir.path().join("a.png").exists());
}

#[test]
fn bad_pictures_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = pmoe();
    command.args(["env", "render", "--task", "TargetReaching-v0", "--output"]);
    refuse(command.arg(dir.path().join("a.jpg")), 2, &["a.jpg", ".png, .gif or .mp4"]);
    let mut command = pmoe();
    command.args(["env", "render", "--task", "TargetReaching-v0", "--output"]);
    refuse(command.arg(dir.path().join("none/a.png")), 2, &["cannot write", "a.png"]);
    let mut command = pmoe();
    command.arg("render").arg(dir.path()).arg("--output").arg(dir.path().join("a.png"));
    refuse(&mut command, 2, &["not a run folder"]);
}
