use std::fs;
use std::time::Duration;

use pmoe_results::plan::Use;
use pmoe_results::{Event, Manifest, Status};

use super::*;
use crate::job::JobState;
use crate::snapshot::{EvalPoint, RunState, StateKind, steps};
use crate::testing::{append, eval, files, folder, job, manifest, write_plan, write_run};

/// Returns the time one second after the manifest of a run was written.
fn soon(path: &Path) -> SystemTime {
    fs::metadata(path.join(Manifest::FILE)).unwrap().modified().unwrap() + Duration::from_secs(1)
}

fn look(watcher: &mut Watcher, now: SystemTime) -> Snapshot {
    watcher.refresh(now, Wanted::All).unwrap()
}

/// Returns the only run of a folder.
fn only(watcher: &mut Watcher, now: SystemTime) -> RunView {
    let mut snapshot = look(watcher, now);
    assert_eq!(snapshot.runs.len(), 1);
    snapshot.runs.remove(0)
}

fn close(found: Option<f64>, expected: f64) {
    assert!(
        found.is_some_and(|found| (found - expected).abs() < 1e-9),
        "{found:?} is not {expected}"
    );
}

#[test]
fn a_run_under_way_has_speed_curve_and_time_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(folder(0));
    write_run(&path, manifest(), &[0, 50, 100]);
    let before = files(dir.path());
    let run = only(&mut Watcher::new(dir.path()), soon(&path));
    assert_eq!(run.state, RunState::Running);
    assert_eq!((run.env_step, run.total_steps, run.attempts), (100, 300, 1));
    assert_eq!(run.curve, [(0, 0.0), (50, 50.0), (100, 100.0)]);
    let last_eval = EvalPoint { env_step: 100, mean_return: 100.0, success_rate: Some(0.5) };
    assert_eq!(run.last_eval, Some(last_eval));
    // 100 steps in 2 seconds: the remaining 200 take 4 seconds, one of which has passed.
    close(run.steps_per_second, 50.0);
    close(run.seconds_left, 3.0);
    assert_eq!(run.used_by, [Use { suite: "fig1".into(), method: "sac".into() }]);
    assert_eq!(files(dir.path()), before, "something was written");
}

#[test]
fn events_are_read_as_they_come() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(folder(0));
    write_run(&path, manifest(), &[0]);
    let now = soon(&path);
    let mut watcher = Watcher::new(dir.path());
    assert_eq!(only(&mut watcher, now).curve.len(), 1);

    let mut line = serde_json::to_vec(&eval(110)).unwrap();
    line.push(b'\n');
    let (half, rest) = line.split_at(20);
    append(&path, half);
    assert_eq!(only(&mut watcher, now).curve.len(), 1);
    append(&path, rest);
    let episode = br#"{"event":"episode","env_step":120,"episode":9,"episode_return":1.0,"episode_length":5,"truncated":false}"#;
    append(&path, &[episode.as_slice(), b"\n"].concat());
    let run = only(&mut watcher, now);
    assert_eq!((run.curve.len(), run.env_step), (2, 120));

    // It was killed and resumes from a checkpoint; later events are gone.
    write_run(&path, manifest(), &[0, 100]);
    let run = only(&mut watcher, now);
    assert_eq!((run.curve.len(), run.env_step), (2, 100));

    append(&path, b"{\"event\": \"eval\", broken}\n");
    let snapshot = look(&mut watcher, now);
    assert_eq!(snapshot.runs[0].state, RunState::Running);
    assert!(snapshot.problems[0].contains("seed_0"), "{:?}", snapshot.problems);
}

#[test]
fn the_speed_is_that_of_the_last_evaluations_seen() {
    let dir = tempfile::tempdir().unwrap();
    let mut watcher = Watcher::new(dir.path());
    // 100 steps per second at first, 10 from step 100 on.
    for evaluation in 0..=10 {
        let mut manifest = manifest();
        let to_step = 100 + 10 * evaluation;
        manifest.env_step = to_step;
        manifest.attempts[0].to_step = to_step;
        manifest.attempts[0].wall_seconds = 1.0 + steps(evaluation);
        let path = dir.path().join(folder(0));
        write_run(&path, manifest, &[]);
        let run = only(&mut watcher, soon(&path));
        if evaluation == 0 {
            close(run.steps_per_second, 100.0);
        }
        if evaluation == 10 {
            close(run.steps_per_second, 10.0);
            close(run.seconds_left, 9.0);
        }
    }
}

#[test]
fn a_run_that_is_silent_for_long_is_quiet() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(folder(0));
    let state_after = |watcher: &mut Watcher, seconds: f64| {
        let events = fs::metadata(path.join(Event::FILE)).unwrap().modified().unwrap();
        only(watcher, events.max(soon(&path)) + Duration::from_secs_f64(seconds)).state.kind()
    };
    write_run(&path, manifest(), &[0, 50, 100]);
    let mut watcher = Watcher::new(dir.path());
    assert_eq!(state_after(&mut watcher, 590.0), StateKind::Running);
    assert_eq!(state_after(&mut watcher, 610.0), StateKind::Quiet);
    // Three evaluations in 600 seconds: the run may be silent for five times 200 seconds.
    let mut slow = manifest();
    slow.attempts[0].wall_seconds = 600.0;
    write_run(&path, slow, &[0, 50, 100]);
    assert_eq!(state_after(&mut watcher, 990.0), StateKind::Running);
    assert_eq!(state_after(&mut watcher, 1_010.0), StateKind::Quiet);
}

#[test]
fn a_run_without_its_process_is_killed_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(folder(0));
    write_run(&path, manifest(), &[0, 50]);
    fs::write(path.with_extension("log"), "error: out of luck\n").unwrap();
    fs::write(path.join("lock"), "process 1\n").unwrap();
    let writer = fs::File::open(path.join("lock")).unwrap();
    writer.lock().unwrap();
    let now = soon(&path);
    let mut watcher = Watcher::new(dir.path());
    assert_eq!(only(&mut watcher, now).state, RunState::Running);
    drop(writer);
    let before = files(dir.path());
    let run = only(&mut watcher, now);
    assert_eq!(run.state, RunState::Killed { reason: Some("out of luck".into()) });
    assert_eq!(run.seconds_left, None);
    // The rest of it is still to do.
    let left = look(&mut watcher, now).total.left.unwrap();
    assert_eq!((left.jobs, left.work_seconds), (0, 4.0));
    assert_eq!(files(dir.path()), before, "something was written");
    assert_eq!(only(&mut Watcher::new(dir.path()), now).state.kind(), StateKind::Killed);

    // The same command goes on.
    let writer = fs::File::open(path.join("lock")).unwrap();
    writer.lock().unwrap();
    assert_eq!(only(&mut watcher, now).state, RunState::Running);
    drop(writer);
    let ended = Manifest { status: Status::Interrupted, ..manifest() };
    write_run(&path, ended, &[0, 50]);
    assert_eq!(only(&mut watcher, now).state, RunState::Stopped);
}

#[test]
fn a_run_that_writes_without_a_lock_here_runs_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(folder(0));
    write_run(&path, manifest(), &[0, 50]);
    fs::write(path.join("lock"), "process 1\n").unwrap();
    let now = soon(&path);
    let mut watcher = Watcher::new(dir.path());
    let states: Vec<_> = (0..3)
        .map(|look| {
            if look == 1 {
                append(&path, &[serde_json::to_vec(&eval(110)).unwrap(), b"\n".to_vec()].concat());
            }
            only(&mut watcher, now).state.kind()
        })
        .collect();
    assert_eq!(states, [StateKind::Killed, StateKind::Running, StateKind::Running]);
}

#[test]
fn a_plan_says_what_is_to_come_and_what_goes_wrong_is_said() {
    let dir = tempfile::tempdir().unwrap();
    write_plan(dir.path(), 6);
    let path = |seed| dir.path().join(folder(seed));
    let ended = |status, total_steps| Manifest { status, total_steps, ..manifest() };
    write_run(&path(0), ended(Status::Done, 300), &[300]);
    write_run(&path(1), ended(Status::Done, 200), &[200]);
    let failed = Status::Failed { reason: "the loss is NaN".into(), diverged: true };
    write_run(&path(2), ended(failed, 300), &[]);
    write_run(&path(3), manifest(), &[]);
    fs::write(path(3).join(Manifest::FILE), "{ no manifest").unwrap();
    fs::write(path(4).with_extension("log"), "memory: 1 GB\nerror: no such task\nbye\n").unwrap();
    write_run(&dir.path().join("mine"), ended(Status::Interrupted, 300), &[100]);

    let mut watcher = Watcher::new(dir.path());
    let snapshot = look(&mut watcher, soon(&path(0)));
    let states: Vec<_> = snapshot
        .runs
        .iter()
        .map(|run| (run.state.kind(), run.state.reason().unwrap_or_default()))
        .collect();
    assert_eq!(states[0], (StateKind::Done, ""));
    assert_eq!(states[1], (StateKind::Failed, "it has 200 steps, but the plan requires 300"));
    assert_eq!(states[2], (StateKind::Failed, "diverged: the loss is NaN"));
    assert!(
        states[3].0 == StateKind::Failed && states[3].1.contains("manifest.json"),
        "{states:?}"
    );
    assert_eq!(states[4], (StateKind::Failed, "no such task"));
    assert_eq!(states[5], (StateKind::Waiting, ""));
    assert_eq!(states[6], (StateKind::Stopped, ""));

    // The first run belongs to two suites but counts once.
    let count = |name: &str| {
        let suite = snapshot.suites.iter().find(|suite| suite.name == name).unwrap();
        (suite.count.of(StateKind::Done), suite.count.all())
    };
    assert_eq!((count("fig1"), count("fig9")), ((1, 6), (1, 1)));
    assert_eq!(snapshot.total.count.all(), 7);

    // A run disappears with its folder, unless it is in the plan.
    fs::remove_dir_all(path(0)).unwrap();
    fs::remove_dir_all(dir.path().join("mine")).unwrap();
    let snapshot = look(&mut watcher, soon(&path(1)));
    assert_eq!((snapshot.runs.len(), &snapshot.runs[0].state), (6, &RunState::Waiting));
    assert!(snapshot.runs[0].curve.is_empty());

    // If the plan can't be read, the previous one stays.
    fs::write(dir.path().join(Plan::FILE), "{").unwrap();
    let snapshot = look(&mut watcher, soon(&path(1)));
    assert_eq!((snapshot.runs.len(), snapshot.problems.len()), (6, 1));
    // The problem describes what is there instead.
    fs::remove_file(dir.path().join(Plan::FILE)).unwrap();
    fs::create_dir(dir.path().join(Plan::FILE)).unwrap();
    let problems = look(&mut watcher, soon(&path(1))).problems;
    assert!(problems[0].contains("plan.json: it is a folder, not a file"), "{problems:?}");
    fs::remove_dir(dir.path().join(Plan::FILE)).unwrap();
    write_plan(dir.path(), 2);
    assert_eq!(look(&mut watcher, soon(&path(1))).problems, Vec::<String>::new());
}

#[test]
fn a_folder_may_be_empty_but_must_be_there() {
    let dir = tempfile::tempdir().unwrap();
    let now = SystemTime::UNIX_EPOCH;
    let snapshot = look(&mut Watcher::new(dir.path()), now);
    assert_eq!((snapshot.runs.len(), snapshot.total.left), (0, None));
    let missing = dir.path().join("missing");
    let error = Watcher::new(&missing).refresh(now, Wanted::All).unwrap_err();
    assert!(matches!(error, ResultsError::NotARun { .. }), "{error}");
}

#[test]
fn runs_that_nobody_looks_at_take_turns() {
    let dir = tempfile::tempdir().unwrap();
    for seed in 0..3 {
        let done = Manifest { status: Status::Done, ..manifest() };
        let path = dir.path().join(folder(seed));
        write_run(&path, done, &[0]);
        append(&path, &b"{\"event\":\"none\"}\n".repeat(1_000_000));
        append(&path, &[serde_json::to_vec(&eval(300)).unwrap(), b"\n".to_vec()].concat());
    }
    let now = SystemTime::UNIX_EPOCH;
    let wanted = BTreeSet::from([folder(2)]);
    let mut watcher = Watcher::new(dir.path());
    let snapshot = watcher.refresh(now, Wanted::Runs(&wanted)).unwrap();
    let read =
        |snapshot: &Snapshot| snapshot.runs.iter().map(|run| run.curve.len()).collect::<Vec<_>>();
    let first = read(&snapshot);
    assert_eq!(first[2], 2, "the one that is looked at: {first:?}");
    assert!(first[1] < 2, "{first:?}");
    for _ in 0..3 {
        watcher.refresh(now, Wanted::Runs(&wanted)).unwrap();
    }
    assert_eq!(read(&watcher.refresh(now, Wanted::Runs(&wanted)).unwrap()), [2, 2, 2]);
}

#[test]
fn links_to_runs_are_followed_and_what_is_reached_twice_is_said() {
    let (dir, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = dir.path().join(folder(0));
    write_run(&path, manifest(), &[0, 50]);
    write_run(&scratch.path().join("deep/run"), manifest(), &[0]);
    write_run(&path.join("inner"), manifest(), &[0]);
    std::os::unix::fs::symlink(scratch.path(), dir.path().join("more")).unwrap();
    std::os::unix::fs::symlink("..", dir.path().join("fig1/loop")).unwrap();
    std::os::unix::fs::symlink(&path, dir.path().join("again")).unwrap();
    std::os::unix::fs::symlink("/no/such/disk", dir.path().join("gone")).unwrap();
    let snapshot = look(&mut Watcher::new(dir.path()), soon(&path));
    let dirs: Vec<_> = snapshot.runs.iter().map(|run| run.dir.clone()).collect();
    assert_eq!(dirs, [folder(0), folder(0).join("inner"), "more/deep/run".into()]);
    let problems = snapshot.problems.join("\n");
    assert_eq!(snapshot.problems.len(), 3, "{problems}");
    for words in
        ["gone is not a run folder: it is a dangling link", "again links to", "loop links to"]
    {
        assert!(problems.contains(words), "{problems}");
    }
}

#[test]
fn a_plan_that_leads_elsewhere_is_a_problem_and_nothing_there_is_read() {
    let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_plan(dir.path(), 1);
    fs::write(outside.path().join("secret.log"), "error: a secret\n").unwrap();
    let path = dir.path().join(Plan::FILE);
    let text = fs::read_to_string(&path).unwrap();
    let planned = format!("{:?}", folder(0).display().to_string());
    assert!(text.contains(&planned));
    let elsewhere = format!("{:?}", outside.path().join("secret").display().to_string());
    fs::write(&path, text.replace(&planned, &elsewhere)).unwrap();
    let snapshot = look(&mut Watcher::new(dir.path()), SystemTime::UNIX_EPOCH);
    assert!(snapshot.problems[0].contains("runs[0].dir"), "{:?}", snapshot.problems);
    assert!(snapshot.runs.is_empty() && !snapshot.to_text().contains("secret.log"));
    assert!(!snapshot.to_text().contains("a secret"));
}

#[test]
fn no_name_of_a_file_reaches_the_terminal_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let bad = "x\x1b[31m\u{9b}2J\x07\r\ny\u{202e}";
    let root = dir.path().join("results\x1b[2J");
    for (index, status) in [
        Status::Running,
        Status::Interrupted,
        Status::Failed { reason: bad.into(), diverged: true },
    ]
    .into_iter()
    .enumerate()
    {
        let manifest = Manifest { method: bad.into(), task: bad.into(), status, ..manifest() };
        write_run(&root.join(format!("{index}{}", bad.replace('\0', ""))), manifest, &[0]);
    }
    fs::create_dir(root.join("b\x1b[2J")).unwrap();
    fs::write(root.join("b\x1b[2J").join(Manifest::FILE), bad).unwrap();
    let snapshot = look(&mut Watcher::new(&root), SystemTime::now());
    let text = snapshot.to_text();
    assert_eq!(snapshot.runs.len(), 4);
    assert!(!text.contains(|c: char| c != '\n' && (c.is_control() || c == '\u{202e}')), "{text:?}");
    assert!(text.contains("x [31m 2J"));
}

/// Where the queue tells more than the files, its job decides.
#[test]
fn the_queue_decides_where_it_knows_more() {
    use StateKind::{Done, Failed, Killed, Queued, Quiet, Requeued, Running, Stopped, Waiting};

    let failed = || Status::Failed { reason: "the loss is NaN".into(), diverged: true };
    let ended = |status, total_steps| Manifest { status, total_steps, ..manifest() };
    // Files, the state without a job, and with one that runs, is queued, is requeued.
    type Write = Box<dyn Fn(&Path) -> Option<fs::File>>;
    let write = |manifest: Manifest| -> Write {
        Box::new(move |path| {
            write_run(path, manifest.clone(), &[0, 50]);
            None
        })
    };
    let with_lock = |is_held: bool| -> Write {
        Box::new(move |path| {
            write_run(path, manifest(), &[0, 50]);
            fs::write(path.join("lock"), "process 1\n").unwrap();
            let lock = fs::File::open(path.join("lock")).unwrap();
            lock.lock().unwrap();
            is_held.then_some(lock)
        })
    };
    let unreadable: Write = Box::new(|path| {
        write_run(path, manifest(), &[]);
        fs::write(path.join(Manifest::FILE), "{ no manifest").unwrap();
        None
    });
    let only_a_log: Write = Box::new(|path| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path.with_extension("log"), "error: no such task\n").unwrap();
        None
    });
    let nothing: Write = Box::new(|_| None);
    // `late`: long after the last write.
    let cases: [(&str, Write, bool, [StateKind; 4]); 12] = [
        ("done", write(ended(Status::Done, 300)), false, [Done; 4]),
        ("unreadable", unreadable, false, [Failed; 4]),
        ("at work", write(manifest()), false, [Running, Running, Requeued, Requeued]),
        ("silent", write(manifest()), true, [Quiet, Running, Requeued, Requeued]),
        ("killed", with_lock(false), false, [Killed, Running, Requeued, Requeued]),
        ("long dead", with_lock(false), true, [Killed, Running, Requeued, Requeued]),
        ("held", with_lock(true), false, [Running; 4]),
        ("held and silent", with_lock(true), true, [Quiet, Running, Quiet, Quiet]),
        (
            "stopped",
            write(ended(Status::Interrupted, 300)),
            false,
            [Stopped, Running, Requeued, Requeued],
        ),
        ("failed", write(ended(failed(), 300)), false, [Failed, Running, Requeued, Requeued]),
        ("only a log", only_a_log, false, [Failed, Running, Requeued, Requeued]),
        ("nothing", nothing, false, [Waiting, Running, Queued, Requeued]),
    ];
    for (name, write, is_late, expected) in cases {
        let dir = tempfile::tempdir().unwrap();
        write_plan(dir.path(), 1);
        let path = dir.path().join(folder(0));
        let lock = write(&path);
        let late = Duration::from_secs(if is_late { 5_000 } else { 1 });
        let now = fs::metadata(path.join(Manifest::FILE))
            .map_or(SystemTime::UNIX_EPOCH, |file| file.modified().unwrap())
            + late;
        let jobs = [
            None,
            Some(job("7_0", JobState::Running, None)),
            Some(job("7_0", JobState::Queued, Some("Priority"))),
            Some(job("7_0", JobState::Requeued, Some("BeginTime"))),
        ];
        let before = files(dir.path());
        let mut watcher = Watcher::new(dir.path());
        for (job, expected) in jobs.into_iter().zip(expected) {
            watcher.set_jobs(job.iter().map(|job| (folder(0), job.clone())).collect());
            let run = only(&mut watcher, now);
            assert_eq!(run.state.kind(), expected, "{name} with {job:?}");
            if matches!(expected, Queued | Requeued) {
                let reason = job.as_ref().and_then(|job| job.reason.as_deref());
                assert_eq!(run.state.reason(), reason, "{name}");
            }
            assert_eq!(run.job, job, "{name}");
            assert_eq!(
                (run.task.as_str(), run.total_steps > 0),
                ("Hopper-v2", name != "unreadable")
            );
        }
        assert_eq!(files(dir.path()), before, "something was written");
        drop(lock);
    }
}

/// A run that goes on after a pause has as much to do as when it stopped.
#[test]
fn time_does_not_run_while_a_job_waits() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(folder(0));
    let mut watcher = Watcher::new(dir.path());
    watcher.set_jobs([(folder(0), job("7", JobState::Running, None))].into());
    // 200 steps at 50 per second are left.
    for status in [Status::Interrupted, Status::Running] {
        write_run(&path, Manifest { status, ..manifest() }, &[0, 50, 100]);
        close(only(&mut watcher, soon(&path) + Duration::from_secs(5_000)).seconds_left, 4.0);
    }
    close(only(&mut watcher, soon(&path)).seconds_left, 3.0);
    watcher.set_jobs([(folder(0), job("7", JobState::Requeued, None))].into());
    let snapshot = look(&mut watcher, soon(&path));
    assert_eq!((snapshot.runs[0].seconds_left, snapshot.total.left.unwrap().seconds), (None, None));
}

#[test]
fn a_queue_that_is_silent_is_a_problem_and_its_last_word_stays() {
    let dir = tempfile::tempdir().unwrap();
    write_plan(dir.path(), 2);
    let now = SystemTime::UNIX_EPOCH;
    let mut watcher = Watcher::new(dir.path());
    let jobs: Jobs = [
        (folder(0), job("7_0", JobState::Running, None)),
        (folder(8), job("7_8", JobState::Running, None)),
    ]
    .into();
    watcher.set_jobs(jobs.clone());
    let told = look(&mut watcher, now);
    // The job of a run that is neither planned nor there is not shown.
    assert_eq!((told.runs.len(), told.total.count.of(StateKind::Running)), (2, 1));
    assert_eq!(look(&mut watcher, now), told);
    watcher.set_jobs_problem("squeue: no controller".into());
    let silent = look(&mut watcher, now);
    assert_eq!((silent.problems, silent.runs), (vec!["squeue: no controller".into()], told.runs));
    watcher.set_jobs(Jobs::new());
    let snapshot = look(&mut watcher, now);
    assert_eq!((snapshot.problems.len(), snapshot.total.count.of(StateKind::Waiting)), (0, 2));
}

#[test]
fn a_run_counts_as_read_once_its_events_are() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(folder(0));
    write_run(&path, Manifest { status: Status::Done, ..manifest() }, &[0]);
    append(&path, &b"{\"event\":\"none\"}\n".repeat(2_000_000));
    let wanted = BTreeSet::from([folder(0)]);
    let mut watcher = Watcher::new(dir.path());
    let nothing = BTreeSet::new();
    watcher.refresh(SystemTime::UNIX_EPOCH, Wanted::Runs(&nothing)).unwrap();
    assert!(watcher.has_unread(&wanted) && !watcher.has_unread(&[folder(1)].into()));
    watcher.refresh(SystemTime::UNIX_EPOCH, Wanted::Runs(&wanted)).unwrap();
    assert!(!watcher.has_unread(&wanted));
}
