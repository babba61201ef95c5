//! Compares the runs behind a report: their files, their plan, and analyses with their stored data.

use std::path::{Path, PathBuf};

use pmoe_results::analysis::Analysis;
use pmoe_results::plan::PlannedRun;
use pmoe_results::settings::{find, is_same, parse_value};
use pmoe_results::{AnalysisKind, Manifest, Plan, Run};
use pmoe_stats::silhouette::silhouette_of_primitives;
use toml::Value;

use super::{Check, NOTHING};
use crate::numbers::Source;
use crate::report::Report;
use crate::sources::Sources;

impl Check<'_> {
    /// Compares the checksums of the runs' files.
    pub(super) fn runs(&mut self, path: &Path, published: &[Source], made: &Report) {
        let found = &made.numbers.runs;
        for run in published {
            let name = format!("run {}", run.dir);
            let Some(now) = found.iter().find(|now| now.dir == run.dir) else {
                // Unreadable runs are already reported.
                let input = Path::new(&made.numbers.input);
                let is_broken = |(of, _): &(PathBuf, String)| input.join(of) == Path::new(&run.dir);
                if !made.sources.broken.iter().any(is_broken) {
                    self.differs(path, &name, "a run", "no run");
                }
                continue;
            };
            let id = |id: &Option<String>| id.clone().unwrap_or(NOTHING.to_owned());
            if now.id != run.id {
                self.differs(path, &format!("{name}, id"), &id(&run.id), &id(&now.id));
            }
            for file in run
                .blake3
                .keys()
                .chain(now.blake3.keys().filter(|file| !run.blake3.contains_key(*file)))
            {
                let hash = |source: &Source| {
                    source.blake3.get(file).map_or(NOTHING, String::as_str).to_owned()
                };
                if hash(run) != hash(now) {
                    self.differs(
                        path,
                        &format!("blake3 of {}/{file}", run.dir),
                        &hash(run),
                        &hash(now),
                    );
                }
            }
        }
        for now in found.iter().filter(|now| published.iter().all(|run| run.dir != now.dir)) {
            self.differs(path, &format!("run {}", now.dir), NOTHING, "a run");
        }
    }

    /// Compares the plans with the existing runs.
    pub(super) fn plans(&mut self, sources: &Sources) {
        for (root, plan) in &sources.plans {
            for planned in &plan.runs {
                let dir = root.join(&planned.dir);
                if let Some(run) = sources.runs.iter().find(|run| run.path == dir) {
                    self.plan(&root.join(Plan::FILE), planned, run);
                }
            }
        }
    }

    fn plan(&mut self, path: &Path, planned: &PlannedRun, run: &Run) {
        let Manifest { method, task, seed, total_steps, .. } = &run.manifest;
        let name = |key: &str| format!("run {}, {key}", planned.dir.display());
        for (key, planned, found) in [
            ("method", &planned.base, method),
            ("task", &planned.task, task),
            ("seed", &planned.seed.to_string(), &seed.to_string()),
            ("total_steps", &planned.total_steps.to_string(), &total_steps.to_string()),
        ] {
            if planned != found {
                self.differs(path, &name(key), planned, found);
            }
        }
        for (key, value) in planned.set.iter() {
            let found = find(&run.config, key);
            if !found.is_some_and(|found| is_same(found, &parse_value(value))) {
                let found = found.map_or(NOTHING.to_owned(), Value::to_string);
                self.differs(path, &name(key), value, &found);
            }
        }
    }

    /// Recomputes the silhouette of the cluster whose drawn actions are stored, and compares.
    pub(super) fn analyses(&mut self, sources: &Sources) {
        for run in &sources.runs {
            let kind = AnalysisKind::Primitives;
            // An unreadable analysis contributes no numbers.
            let Ok(Some(Analysis::Primitives(seen))) = run.analysis(kind) else { continue };
            let cluster = seen.shown.cluster;
            let stored = seen.clusters.get(cluster).and_then(|of| of.silhouette_of_draws);
            let found = silhouette_of_primitives(
                &seen.shown.actions,
                seen.num_primitives(),
                seen.shown.action_dim,
            );
            let agree = match (stored, found) {
                // The stored actions are exactly those behind the silhouette, but sums may round
                // differently on another machine.
                (Some(stored), Some(found)) => (stored - found).abs() <= 1e-9,
                (stored, found) => stored == found,
            };
            if !agree {
                let show = |value: Option<f64>| value.map_or(NOTHING.to_owned(), |x| x.to_string());
                let name = format!("silhouette of the actions in cluster {cluster}");
                self.differs(&run.path.join(kind.file()), &name, &show(stored), &show(found));
            }
        }
    }
}
