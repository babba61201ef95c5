use super::*;

fn checkpoints(folder: &Path) -> Checkpoints {
    Checkpoints {
        folder: folder.to_owned(),
        run: "this".to_owned(),
        keep: NonZeroUsize::new(2).unwrap(),
        at_the_end: Scope::Policy,
    }
}

fn contents(files: &Files<'_>) -> BTreeMap<String, Vec<u8>> {
    files.0.keys().map(|name| (name.clone(), files.get(name).unwrap())).collect()
}

/// Returns the contents of the newest usable checkpoint, and the number of newer unusable ones.
fn found(folder: &Path) -> Option<(BTreeMap<String, Vec<u8>>, usize)> {
    let newest = checkpoints(folder).newest(|stored| Ok(contents(&stored.files)));
    newest.unwrap().map(|(contents, reasons)| (contents, reasons.len()))
}

fn files(tag: u8) -> Files<'static> {
    let mut files = Files::default();
    files.insert("weights.bin", vec![tag; 1000]);
    files.insert_writer("large.bin", move |out| {
        (0..300).try_for_each(|i| out.write_all(&[tag, i as u8, 0, 1]))
    });
    files.insert_json("state.json", &[f64::from(tag), 0.1, -1e-300]);
    files
}

fn write(folder: &Path, env_step: u64, tag: u8) {
    checkpoints(folder).write(env_step, Scope::Everything, &files(tag), false).unwrap();
}

/// Returns the names in the folder, except [`NEWEST`].
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| name != NEWEST);
    names.sort();
    names
}

#[test]
fn the_newest_two_are_kept_and_the_newest_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    assert_eq!(found(&folder.join("none")), None);
    for (env_step, tag) in [(900, 1), (1000, 2), (1000, 3), (1_000_000_000_000_000, 4)] {
        write(folder, env_step, tag);
        assert_eq!(found(folder), Some((contents(&files(tag)), 0)));
    }
    assert_eq!(names(folder), ["step-000000001000", "step-1000000000000000"]);
    let read = |stored: Stored| stored.files.get_json::<[f64; 3]>("state.json");
    let newest = checkpoints(folder).newest(read).unwrap().unwrap();
    assert_eq!(newest.0.map(f64::to_bits), [4.0, 0.1, -1e-300].map(f64::to_bits));
    assert_eq!(files(1).size().unwrap(), 1000 + 4 * 300 + "[1.0,0.1,-1e-300]".len() as u64);
    assert!(matches!(files(1).get("absent"), Err(CheckpointError::Content { .. })));

    let last = 2_000_000_000_000_000;
    checkpoints(folder).write(last, Scope::Policy, &files(5), true).unwrap();
    assert_eq!(names(folder), ["step-2000000000000000"]);
    let scope = checkpoints(folder).newest(|stored| Ok(stored.scope)).unwrap().unwrap().0;
    assert_eq!(scope, Scope::Policy);
}

#[test]
fn an_interrupted_write_leaves_the_older_one() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 1, 1);
    let part = dir.path().join(".step-000000000002.part");
    fs::create_dir(&part).unwrap();
    fs::write(part.join("weights.bin"), b"half").unwrap();
    assert_eq!(found(dir.path()), Some((contents(&files(1)), 0)));
    write(dir.path(), 3, 2);
    assert_eq!(found(dir.path()), Some((contents(&files(2)), 0)));
    assert!(!part.exists());
}

#[test]
fn a_failed_write_leaves_no_half_behind() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 1, 1);
    let mut files = files(2);
    files.insert_writer("late.bin", |_| Err(io::ErrorKind::StorageFull.into()));
    checkpoints(dir.path()).write(2, Scope::Everything, &files, false).unwrap_err();
    assert_eq!(names(dir.path()), ["step-000000000001"]);
    assert_eq!(found(dir.path()), Some((contents(&super::tests::files(1)), 0)));
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let strange = [
        "step-000000000001-copy",
        "step-000000000009.tar",
        "step-",
        "step-7",
        "step-+00000000007",
        ".step-backup",
        "notes",
    ];
    for name in strange {
        match name.ends_with(".tar") {
            true => fs::write(dir.path().join(name), name).unwrap(),
            false => fs::create_dir(dir.path().join(name)).unwrap(),
        }
    }
    // Also a file in place of a checkpoint.
    fs::write(dir.path().join("step-000000000005"), "a file").unwrap();
    let before = names(dir.path());
    assert_eq!(found(dir.path()), None);
    for env_step in 1..=4 {
        write(dir.path(), env_step, 1);
    }
    let mut expected = [before, vec![name(3), name(4)]].concat();
    expected.sort();
    assert_eq!(names(dir.path()), expected);
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed_and_the_older_one_used() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    write(folder, 4, 7);
    write(folder, 5, 1);
    let path = folder.join(name(5));
    let older = Some((contents(&files(7)), 1));
    for name in ["weights.bin", "large.bin", "state.json", MANIFEST] {
        let file = path.join(name);
        let whole = fs::read(&file).unwrap();
        for at in (0..whole.len()).step_by(whole.len().div_ceil(40)) {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            for (bytes, what) in [(&flipped[..], "flipped"), (&whole[..at], "cut")] {
                fs::write(&file, bytes).unwrap();
                assert_eq!(found(folder), older, "{name}: {what} at {at}");
            }
        }
        fs::remove_file(&file).unwrap();
        assert_eq!(found(folder), older, "{name} missing");
        fs::create_dir(&file).unwrap();
        assert_eq!(found(folder), older, "{name} is a folder");
        fs::remove_dir(&file).unwrap();
        fs::write(&file, &whole).unwrap();
    }
    assert_eq!(found(folder), Some((contents(&files(1)), 0)));
    // A checkpoint with the name of another step.
    fs::rename(&path, folder.join(name(6))).unwrap();
    assert_eq!(found(folder), older);
}

#[test]
fn an_empty_or_missing_newest_one_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    write(folder, 4, 7);
    write(folder, 5, 1);
    let path = folder.join(name(5));
    fs::remove_dir_all(&path).unwrap();
    assert_eq!(found(folder), Some((contents(&files(7)), 1)), "gone");
    fs::create_dir(&path).unwrap();
    assert_eq!(found(folder), Some((contents(&files(7)), 1)), "empty");
    // The run resumes from the older one. The unusable one must not count as the newest later.
    write(folder, 5, 2);
    fs::create_dir(folder.join(name(9))).unwrap();
    write(folder, 6, 3);
    assert_eq!(names(folder), [name(5), name(6)]);

    for name in names(folder) {
        fs::remove_dir_all(folder.join(name)).unwrap();
    }
    let error = checkpoints(folder).newest(|_| Ok(())).unwrap_err();
    assert!(matches!(error, CheckpointError::NoneLeft { .. }), "{error}");
    assert!(error.to_string().contains("step-000000000006 is missing"), "{error}");
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 4, 7);
    let other = Checkpoints { run: "other".to_owned(), ..checkpoints(dir.path()) };
    other.write(5, Scope::Everything, &files(1), false).unwrap();
    let error = checkpoints(dir.path()).newest(|_| Ok(())).unwrap_err();
    assert!(matches!(error, CheckpointError::OtherRun { .. }), "{error}");
    let error = error.to_string();
    assert!(error.contains("other") && error.contains("this"), "{error}");
}

#[test]
fn what_a_kill_right_after_the_last_one_left_is_put_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    write(folder, 4, 7);
    write(folder, 5, 8);
    let older = Checkpoints { keep: NonZeroUsize::new(9).unwrap(), ..checkpoints(folder) };
    older.write(6, Scope::Policy, &files(1), false).unwrap();
    fs::write(folder.join(NEWEST), format!("{}\n", name(5))).unwrap();
    checkpoints(folder).settle(6, true).unwrap();
    assert_eq!(names(folder), [name(6)]);
    assert_eq!(fs::read_to_string(folder.join(NEWEST)).unwrap(), format!("{}\n", name(6)));
    assert_eq!(found(folder), Some((contents(&files(1)), 0)));
}

#[test]
fn another_versions_checkpoint_is_called_that() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 4, 7);
    let manifest = dir.path().join(name(4)).join(MANIFEST);
    let text = fs::read_to_string(&manifest).unwrap();
    for other in [
        text.replace("\"schema\": 3", "\"schema\": 4"),
        // The format of the first versions.
        r#"{"actor.bpk": "559950c1", "progress.json": "6b4c67e5"}"#.to_owned(),
    ] {
        fs::write(&manifest, other).unwrap();
        let error = checkpoints(dir.path()).newest(|_| Ok(())).unwrap_err();
        assert!(matches!(error, CheckpointError::OtherVersion { .. }), "{error}");
    }
}
