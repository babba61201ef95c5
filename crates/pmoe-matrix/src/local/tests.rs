use std::sync::MutexGuard;

use pmoe_results::AnalysisKind;
use pmoe_results::analysis::AnalysisSettings;
use pmoe_results::plan::RunProgress;

use super::*;
use crate::select::tests::planned;

/// Serialises the tests, because a signal to this process reaches the runs of all of them.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the path of a script that behaves like `pmoe` as far as these tests need.
pub(crate) fn stand_in() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/local/pmoe.sh")
}

/// Runs the stand-in for each of `methods`, whose name determines how it ends; returns the folder.
fn check(methods: &[&str], jobs: usize, expected: &[RunEnd]) -> tempfile::TempDir {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let runs: Vec<_> = methods
        .iter()
        .map(|method| {
            let mut run = planned(method, "Ant-v4", 0, RunProgress::New);
            run.dir = folder.path().join(&run.dir);
            run
        })
        .collect();
    let found = Local::new(stand_in(), jobs).execute(&runs, &|_| {}).unwrap();
    let shown: Vec<_> = found
        .iter()
        .map(|outcome| outcome.to_string().replace(&folder.path().display().to_string(), ""))
        .collect();
    let expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
    assert_eq!(shown, expected);
    folder
}

fn calls(folder: &tempfile::TempDir, method: &str) -> usize {
    let path = folder.path().join("fig").join(method).join("Ant-v4/seed_0/calls");
    fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

#[test]
fn outcomes_follow_the_exit_codes_and_one_does_not_stop_the_others() {
    let refused = "unknown key (exit code 2; see /fig/refused/Ant-v4/seed_0.log)";
    let diverged =
        "q1 is NaN at gradient step 7 (exit code 3; see /fig/diverged/Ant-v4/seed_0.log)";
    let folder = check(
        &["diverged", "refused", "locked", "killed", "second-time", "done"],
        2,
        &[
            RunEnd::Diverged(diverged.to_owned()),
            RunEnd::Refused(refused.to_owned()),
            RunEnd::Locked,
            RunEnd::Failed("signal 9".to_owned()),
            RunEnd::Done,
            RunEnd::Done,
        ],
    );
    let num_calls = ["diverged", "refused", "locked", "killed", "second-time", "done"]
        .map(|method| calls(&folder, method));
    assert_eq!(num_calls, [1, 1, 2, 3, 2, 1]);
}

#[test]
fn a_finished_run_is_analysed_and_a_failed_analysis_is_a_failed_run() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let kinds = [AnalysisKind::Gait, AnalysisKind::Robustness];
    let settings = kinds.map(|kind| AnalysisSettings::resolve(kind, &[], "").unwrap());
    let runs = ["done", "diverged", "lookless"].map(|method| {
        let mut run = planned(method, "Ant-v4", 0, RunProgress::New);
        run.run.analyses = settings.to_vec();
        run.dir = folder.path().join(&run.dir);
        run
    });
    let outcomes = Local::new(stand_in(), 2).execute(&runs, &|_| {}).unwrap();
    assert_eq!(outcomes[0], RunEnd::Done);
    let looks = fs::read_to_string(runs[0].dir.join("looks")).unwrap();
    let looks: Vec<_> = looks.lines().collect();
    assert_eq!(looks.len(), 2);
    assert!(looks[0].ends_with("--kind gait --set skip=200 --set steps=200"), "{}", looks[0]);
    assert!(looks[1].ends_with("--set episodes=100 --set obs_noise=[0.0, 0.05, 0.1]"));
    // A run that is not trained is not analysed.
    assert!(matches!(outcomes[1], RunEnd::Diverged(_)));
    assert!(!runs[1].dir.join("looks").exists());
    let RunEnd::Refused(reason) = &outcomes[2] else { panic!("{}", outcomes[2]) };
    assert!(reason.starts_with("gait: nothing to see"), "{reason}");
}

#[test]
fn a_run_gets_its_settings_and_no_log_stays_when_done() {
    let folder = check(&["done"], 1, &[RunEnd::Done]);
    let run = folder.path().join("fig/done/Ant-v4/seed_0");
    assert_eq!(
        fs::read_to_string(run.join("calls")).unwrap().trim(),
        "train --method done --task Ant-v4 --seed 0 --steps 1000 --progress json"
    );
    assert!(!run.with_extension("log").exists());
    // Another matrix may have removed it.
    check(&["logless"], 1, &[RunEnd::Done]);
}

#[test]
fn an_interrupt_reaches_the_runs_and_starts_no_more() {
    // The first stand-in interrupts this process, as a user would.
    let folder = check(&["waiting", "done"], 1, &[RunEnd::Stopped, RunEnd::Stopped]);
    assert_eq!(calls(&folder, "waiting"), 1);
    assert_eq!(calls(&folder, "done"), 0);
}
