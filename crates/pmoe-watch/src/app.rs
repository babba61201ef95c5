//! State of the viewer, and how keys change it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::snapshot::{Count, RunView, Snapshot, StateKind};

/// State of the viewer. Selections are kept by name, so that they survive new snapshots.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) snapshot: Snapshot,
    /// The rows of the runs pane: places in the snapshot's runs.
    rows: Vec<usize>,
    pub(crate) pane: Pane,
    /// The list used last; the curves show its selection.
    pub(crate) list: List,
    pub(crate) place: Place,
    run: Option<PathBuf>,
    pub(crate) sort: Sort,
    pub(crate) filter: Option<StateKind>,
    /// Whether the pane fills the whole screen.
    pub(crate) zoom: bool,
    pub(crate) help: bool,
    /// Why the newest refresh failed.
    pub(crate) error: Option<String>,
}

/// A part of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pane {
    Suites,
    Runs,
    Curves,
}

/// A pane with a selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Suites,
    Runs,
}

/// A selectable item of the suites pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    All,
    Suite(String),
    Task { suite: String, task: String },
}

/// Order of the runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Plan,
    State,
    Progress,
    Return,
}

impl Sort {
    const ALL: [Self; 4] = [Self::Plan, Self::State, Self::Progress, Self::Return];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::State => "state",
            Self::Progress => "progress",
            Self::Return => "return",
        }
    }
}

/// Rows that a page key moves.
const PAGE: isize = 10;

impl App {
    /// Opens on a run in progress, else on the first of the list: what is wrong, then what is done.
    pub(crate) fn new(snapshot: Snapshot) -> Self {
        let is_running = |run: &&RunView| run.state.kind() == StateKind::Running;
        let run = snapshot.runs.iter().find(is_running).map(|run| run.dir.clone());
        let mut app = Self {
            snapshot,
            rows: Vec::new(),
            pane: Pane::Runs,
            list: List::Runs,
            place: Place::All,
            run,
            sort: Sort::State,
            filter: None,
            zoom: false,
            help: false,
            error: None,
        };
        app.arrange();
        app
    }

    /// Takes a new snapshot.
    pub(crate) fn show(&mut self, snapshot: Snapshot) {
        self.snapshot = snapshot;
        self.error = None;
        self.arrange();
    }

    /// Returns the rows of the suites pane, each with the count of its runs.
    pub(crate) fn places(&self) -> Vec<(Place, &Count)> {
        let mut places = vec![(Place::All, &self.snapshot.total.count)];
        for suite in &self.snapshot.suites {
            places.push((Place::Suite(suite.name.clone()), &suite.count));
            places.extend(suite.tasks.iter().map(|task| {
                let (suite, task, count) = (suite.name.clone(), task.task.clone(), &task.count);
                (Place::Task { suite, task }, count)
            }));
        }
        places
    }

    /// Returns the row of the selected place; the first row if it is gone.
    pub(crate) fn place_row(&self) -> usize {
        self.places().iter().position(|(place, _)| *place == self.place).unwrap_or(0)
    }

    /// Sorts the runs of the selected place that pass the filter.
    ///
    /// They are kept, because there may be many and a screen asks for them several times.
    fn arrange(&mut self) {
        let runs = &self.snapshot.runs;
        let is_shown = |run: &RunView| {
            self.filter.is_none_or(|kind| run.state.kind() == kind) && self.place.holds(run)
        };
        let mut rows: Vec<usize> = (0..runs.len()).filter(|&row| is_shown(&runs[row])).collect();
        let mean_return =
            |row: usize| runs[row].last_eval.map_or(f64::NEG_INFINITY, |eval| eval.mean_return);
        match self.sort {
            Sort::Plan => {}
            Sort::State => rows.sort_by_key(|&row| runs[row].state.kind()),
            Sort::Progress => {
                rows.sort_by(|&a, &b| runs[b].share().total_cmp(&runs[a].share()));
            }
            Sort::Return => rows.sort_by(|&a, &b| mean_return(b).total_cmp(&mean_return(a))),
        }
        self.rows = rows;
    }

    /// Returns the sorted runs of the selected place that pass the filter.
    pub(crate) fn runs(&self) -> Vec<&RunView> {
        self.rows.iter().map(|&row| &self.snapshot.runs[row]).collect()
    }

    /// Returns the row of the selected run in [`App::runs`]; the first row if it is gone.
    pub(crate) fn run_row(&self) -> usize {
        // Compared as bytes, because comparing paths part by part takes long in a long list.
        let Some(selected) = self.run.as_ref().map(|dir| dir.as_os_str()) else {
            return 0;
        };
        let dir = |row: &usize| self.snapshot.runs[*row].dir.as_os_str();
        self.rows.iter().position(|row| dir(row) == selected).unwrap_or(0)
    }

    pub(crate) fn selected_run(&self) -> Option<&RunView> {
        self.rows.get(self.run_row()).map(|&row| &self.snapshot.runs[row])
    }

    /// Returns the suite of the selected place.
    pub(crate) fn suite(&self) -> Option<&str> {
        match &self.place {
            Place::All => None,
            Place::Suite(suite) | Place::Task { suite, .. } => Some(suite),
        }
    }

    /// Returns the runs whose curves are shown: the selected one, or those of one task of the
    /// selected suite.
    pub(crate) fn drawn(&self) -> Vec<&RunView> {
        if self.list == List::Runs {
            return self.selected_run().into_iter().collect();
        }
        let of_place = || self.snapshot.runs.iter().filter(|run| self.place.holds(run));
        // Prefer a task with a running run, then the first one that was started.
        let lead = of_place()
            .find(|run| run.state.kind() == StateKind::Running)
            .or_else(|| of_place().find(|run| run.env_step > 0))
            .or_else(|| of_place().next());
        let Some(lead) = lead else {
            return Vec::new();
        };
        let suite = self.suite().or_else(|| Some(lead.used_by.first()?.suite.as_str()));
        let is_beside =
            |run: &&RunView| run.task == lead.task && suite.is_none_or(|suite| run.is_of(suite));
        self.snapshot.runs.iter().filter(is_beside).collect()
    }

    /// Returns the runs whose events are needed now.
    pub(crate) fn wanted(&self) -> BTreeSet<PathBuf> {
        let begun = self.drawn().into_iter().filter(|run| run.state.kind().has_begun());
        begun.map(|run| run.dir.clone()).collect()
    }

    /// Handles a key; returns `false` if it quits.
    pub(crate) fn press(&mut self, key: KeyEvent) -> bool {
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return false;
        }
        if self.help {
            self.help = false;
            return key.code != KeyCode::Char('q');
        }
        match key.code {
            KeyCode::Char('q') => return false,
            KeyCode::Char('?') => self.help = true,
            KeyCode::Esc => self.back(),
            KeyCode::Enter => self.open(),
            KeyCode::Tab => self.focus(match self.pane {
                Pane::Suites => Pane::Runs,
                Pane::Runs => Pane::Curves,
                Pane::Curves => Pane::Suites,
            }),
            KeyCode::BackTab => self.focus(match self.pane {
                Pane::Suites => Pane::Curves,
                Pane::Runs => Pane::Suites,
                Pane::Curves => Pane::Runs,
            }),
            KeyCode::Left | KeyCode::Char('h') => self.focus(match self.pane {
                Pane::Suites | Pane::Runs => Pane::Suites,
                Pane::Curves => Pane::Runs,
            }),
            KeyCode::Right | KeyCode::Char('l') => self.focus(match self.pane {
                Pane::Suites => Pane::Runs,
                Pane::Runs | Pane::Curves => Pane::Curves,
            }),
            KeyCode::Down | KeyCode::Char('j') => self.go(1),
            KeyCode::Up | KeyCode::Char('k') => self.go(-1),
            KeyCode::PageDown => self.go(PAGE),
            KeyCode::PageUp => self.go(-PAGE),
            KeyCode::Home | KeyCode::Char('g') => self.go(isize::MIN),
            KeyCode::End | KeyCode::Char('G') => self.go(isize::MAX),
            KeyCode::Char('s') => {
                self.sort = after(&Sort::ALL, self.sort);
                self.arrange();
            }
            KeyCode::Char('f') => {
                self.filter = self.next_filter();
                self.arrange();
            }
            _ => {}
        }
        true
    }

    fn focus(&mut self, pane: Pane) {
        self.zoom &= self.pane == pane;
        self.pane = pane;
        match pane {
            Pane::Suites => self.list = List::Suites,
            Pane::Runs => self.list = List::Runs,
            Pane::Curves => {}
        }
    }

    fn open(&mut self) {
        match self.pane {
            Pane::Suites => self.focus(Pane::Runs),
            Pane::Runs => {
                self.focus(Pane::Curves);
                self.zoom = true;
            }
            Pane::Curves => self.zoom = !self.zoom,
        }
    }

    fn back(&mut self) {
        if self.zoom || self.pane == Pane::Curves {
            self.zoom = false;
            self.focus(match self.list {
                List::Suites => Pane::Suites,
                List::Runs => Pane::Runs,
            });
        } else {
            self.focus(Pane::Suites);
        }
    }

    fn go(&mut self, by: isize) {
        let to =
            |row: usize, rows: usize| row.saturating_add_signed(by).min(rows.saturating_sub(1));
        match self.list {
            List::Suites => {
                let places = self.places();
                self.place = places[to(self.place_row(), places.len())].0.clone();
                self.arrange();
            }
            List::Runs => {
                let runs = self.runs();
                self.run = runs.get(to(self.run_row(), runs.len())).map(|run| run.dir.clone());
            }
        }
    }

    /// Returns the next state that has runs; after the last one, all states.
    fn next_filter(&self) -> Option<StateKind> {
        let there =
            StateKind::ALL.into_iter().filter(|kind| self.snapshot.total.count.of(*kind) > 0);
        there.into_iter().find(|kind| self.filter.is_none_or(|filter| filter < *kind))
    }
}

impl Place {
    fn holds(&self, run: &RunView) -> bool {
        match self {
            Self::All => true,
            Self::Suite(suite) => run.is_of(suite),
            Self::Task { suite, task } => run.is_of(suite) && run.task == *task,
        }
    }
}

/// Returns the item after `item`, cyclically.
fn after<T: Copy + PartialEq>(all: &[T], item: T) -> T {
    let place = all.iter().position(|other| *other == item).unwrap_or(0);
    all[(place + 1) % all.len()]
}

#[cfg(test)]
mod tests;
