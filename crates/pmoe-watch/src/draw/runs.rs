use pmoe_results::text::one_line;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::{block, cut, first_row};
use crate::app::{App, List, Pane, Place};
use crate::format::{duration, job, optional, percent, quantity, steps};
use crate::snapshot::{RunView, StateKind};
use crate::theme::{Theme, sign};

/// Bounds on the width of names, which is otherwise a quarter of the total.
const NAME: [usize; 2] = [10, 24];

/// Smallest height with details about the selected run.
const WITH_DETAILS: u16 = 8;

/// Number of rows that decide about the columns.
const NEAR: usize = 1_000;

/// A column of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    State,
    Suite,
    Method,
    Task,
    Seed,
    Steps,
    Speed,
    Return,
    Left,
    Job,
    Node,
}

impl Column {
    /// All columns, from left to right.
    const ALL: [Self; 11] = [
        Self::State,
        Self::Suite,
        Self::Method,
        Self::Task,
        Self::Seed,
        Self::Steps,
        Self::Speed,
        Self::Return,
        Self::Left,
        Self::Job,
        Self::Node,
    ];

    /// All columns, from the most important one to the first that a narrow screen omits.
    const BY_NEED: [Self; 11] = [
        Self::Method,
        Self::Seed,
        Self::Steps,
        Self::Task,
        Self::Return,
        Self::Left,
        Self::Speed,
        Self::State,
        Self::Suite,
        Self::Job,
        Self::Node,
    ];

    fn title(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Suite => "suite",
            Self::Method => "method",
            Self::Task => "task",
            Self::Seed => "seed",
            Self::Steps => "steps",
            Self::Speed => "steps/s",
            Self::Return => "return",
            Self::Left => "left",
            Self::Job => "job",
            Self::Node => "node",
        }
    }

    fn is_text(self) -> bool {
        matches!(
            self,
            Self::State | Self::Suite | Self::Method | Self::Task | Self::Job | Self::Node
        )
    }

    fn cell(self, app: &App, run: &RunView) -> String {
        let text = match self {
            Self::State => run.state.kind().word().to_owned(),
            Self::Suite => run.used_by.first().map_or_else(String::new, |used| used.suite.clone()),
            Self::Method => run.method(app.suite()).to_owned(),
            Self::Task => run.task.clone(),
            Self::Seed => run.seed.to_string(),
            Self::Steps => percent(run.share()),
            // The speed of a run that has ended is of no interest.
            Self::Speed if run.state.kind() == StateKind::Running => {
                optional(run.steps_per_second, |speed| format!("{speed:.0}"))
            }
            Self::Speed => String::new(),
            Self::Return => {
                run.last_eval.map_or_else(String::new, |eval| quantity(eval.mean_return))
            }
            Self::Left => run.seconds_left.map_or_else(String::new, duration),
            Self::Job => run.job.as_ref().map_or_else(String::new, |job| job.id.clone()),
            Self::Node => run.job.as_ref().and_then(|job| job.node.clone()).unwrap_or_default(),
        };
        one_line(&text)
    }
}

/// Draws the runs of the selected place, and details about the selected run.
pub(super) fn draw(frame: &mut Frame<'_>, app: &App, area: Rect, theme: Theme) {
    let runs = app.runs();
    let place = match &app.place {
        Place::All => "all".to_owned(),
        Place::Suite(suite) => suite.clone(),
        Place::Task { suite, task } => format!("{suite} {task}"),
    };
    let state = app.filter.map_or(String::new(), |kind| format!(", {}", kind.word()));
    let block = block(app, Pane::Runs, &format!("runs: {place}{state} ({})", runs.len()));
    let inner = block.inner(area);
    frame.render_widget(block, area);
    if runs.is_empty() {
        let words = if app.snapshot.runs.is_empty() { "no runs yet" } else { "no matching runs" };
        frame.render_widget(Paragraph::new(words), inner);
        return;
    }
    let details = if area.height < WITH_DETAILS { 0 } else { 2 };
    let [table, words] =
        Layout::vertical([Constraint::Min(0), Constraint::Length(details)]).areas(inner);
    draw_table(frame, app, &runs, table, theme);
    if let Some(run) = app.selected_run() {
        frame.render_widget(Paragraph::new(about(run)).wrap(Wrap { trim: true }), words);
    }
}

fn draw_table(frame: &mut Frame<'_>, app: &App, runs: &[&RunView], area: Rect, theme: Theme) {
    let height = usize::from(area.height.saturating_sub(1));
    let selected = app.run_row();
    let first = first_row(selected, runs.len(), height);
    let columns = columns(app, near(runs, first), area.width.into());
    let cell = |text: &str, column: Column, width: usize| {
        let text = cut(text, width);
        if column.is_text() { format!(" {text:<width$}") } else { format!(" {text:>width$}") }
    };
    let title: String =
        columns.iter().map(|&(column, width)| cell(column.title(), column, width)).collect();
    let mut lines = vec![Line::from(format!(" {title}")).dim()];
    for (row, run) in runs.iter().enumerate().skip(first).take(height) {
        let kind = run.state.kind();
        let text: String = columns
            .iter()
            .map(|&(column, width)| cell(&column.cell(app, run), column, width))
            .collect();
        let text = Span::styled(
            text,
            if kind.has_begun() { Style::new() } else { theme.state(StateKind::Waiting) },
        );
        let line = Line::from(vec![Span::styled(sign(kind), theme.state(kind)), text]);
        let is_selected = row == selected && app.list == List::Runs;
        let line = if is_selected {
            line.style(Style::new().add_modifier(Modifier::REVERSED))
        } else {
            line
        };
        lines.push(line);
    }
    frame.render_widget(Paragraph::new(lines), area);
}

/// Returns the rows near `first` that decide about the columns: all of a usual folder, and few enough
/// of a huge one to be fast.
fn near<'a, 'b>(runs: &'a [&'b RunView], first: usize) -> &'a [&'b RunView] {
    let from = first.saturating_sub(NEAR / 2).min(runs.len().saturating_sub(NEAR));
    &runs[from..runs.len().min(from + NEAR)]
}

/// Returns the columns that fit, each with its width.
fn columns(app: &App, runs: &[&RunView], room: usize) -> Vec<(Column, usize)> {
    let most = (room / 4).clamp(NAME[0], NAME[1]);
    let width = |column: Column| {
        let cells = runs.iter().map(|run| column.cell(app, run).chars().count());
        let width = cells.max().unwrap_or(0).max(column.title().len());
        if column.is_text() { width.min(most) } else { width }
    };
    let is_told = |column: &Column| match (column, &app.place) {
        (Column::Suite, Place::All) | (Column::Task, Place::All | Place::Suite(_)) => true,
        (Column::Suite | Column::Task, _) => false,
        // A filter leaves runs of one state only, and the sign shows it too.
        (Column::State, _) => app.filter.is_none(),
        (Column::Job, _) => runs.iter().any(|run| run.job.is_some()),
        (Column::Node, _) => {
            runs.iter().any(|run| run.job.as_ref().is_some_and(|job| job.node.is_some()))
        }
        _ => true,
    };
    let mut left = room.saturating_sub(1);
    let mut chosen: Vec<(Column, usize)> = Vec::new();
    for column in Column::BY_NEED.into_iter().filter(is_told) {
        let width = width(column);
        if width < left {
            left -= width + 1;
            chosen.push((column, width));
        }
    }
    chosen.sort_by_key(|(column, _)| Column::ALL.iter().position(|other| other == column));
    chosen
}

/// Describes a run in words.
pub(super) fn about(run: &RunView) -> String {
    #[expect(clippy::cast_precision_loss, reason = "step counts are far below 2^52")]
    let spoken = |count: u64| steps(count as f64);
    let mut parts = Vec::new();
    if let Some(reason) = run.state.reason() {
        parts.push(format!("{}: {}", run.state.kind().word(), one_line(reason)));
    } else {
        parts.push(run.state.kind().word().to_owned());
    }
    parts.extend(run.job.as_ref().map(job));
    parts.push(format!("{} of {} steps", spoken(run.env_step), spoken(run.total_steps)));
    if let Some(eval) = run.last_eval {
        let success =
            eval.success_rate.map_or(String::new(), |rate| format!(", success {}", percent(rate)));
        let value = quantity(eval.mean_return);
        parts.push(format!("return {value} at {}{success}", spoken(eval.env_step)));
    }
    parts.extend(run.steps_per_second.map(|speed| format!("{speed:.0} steps/s")));
    parts.extend(run.seconds_left.map(|left| format!("{} left", duration(left))));
    parts.extend(run.quiet_seconds.map(|quiet| format!("wrote {} ago", duration(quiet))));
    parts.join(", ")
}
