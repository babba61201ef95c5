use pmoe_results::text::one_line;
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Style, Stylize};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::canvas::{self, Canvas};
use ratatui::widgets::{Paragraph, Wrap};

use super::axes::Axis;
use super::runs::about;
use super::{block, cut};
use crate::app::{App, List, Pane};
use crate::snapshot::RunView;
use crate::theme::Theme;

/// The runs of one method.
struct Method<'a> {
    name: &'a str,
    letter: char,
    runs: Vec<&'a RunView>,
}

/// Draws the learning curves of the selected run, or of all runs of the selected suite and task.
pub(super) fn draw(frame: &mut Frame<'_>, app: &App, area: Rect, theme: Theme) {
    let runs = app.drawn();
    let Some(lead) = runs.first() else {
        frame.render_widget(block(app, Pane::Curves, "curves"), area);
        return;
    };
    let methods = methods(app, &runs);
    let title = match app.list {
        List::Runs => format!("{} {}, seed {}", lead.method(app.suite()), lead.task, lead.seed),
        List::Suites => {
            let suite = app.suite().or_else(|| Some(lead.used_by.first()?.suite.as_str()));
            format!("{} {}", suite.unwrap_or_default(), lead.task)
        }
    };
    let block = block(app, Pane::Curves, &title);
    let inner = block.inner(area);
    frame.render_widget(block, area);

    let mut details = Vec::new();
    if app.zoom && app.list == List::Runs {
        details.push(Line::from(about(lead)));
        details.push(Line::from(one_line(&facts(lead))).dim());
    }
    let height = if details.is_empty() { 0 } else { 4.min(inner.height / 2) };
    let [top, legend, chart] =
        Layout::vertical([Constraint::Length(height), Constraint::Length(1), Constraint::Min(0)])
            .areas(inner);
    frame.render_widget(Paragraph::new(details).wrap(Wrap { trim: true }), top);
    frame.render_widget(key(&methods, app.list, legend.width, theme), legend);
    draw_chart(frame, &methods, chart, theme);
}

/// Lists the folder, starts, settings and suites of a run.
fn facts(run: &RunView) -> String {
    let starts = if run.attempts == 1 { "start" } else { "starts" };
    let mut parts =
        vec![format!("folder {}", run.dir.display()), format!("{} {starts}", run.attempts)];
    let set = run.set.iter().map(|(key, value)| format!("{key}={value}"));
    parts.extend(set);
    let suites: Vec<_> = run.used_by.iter().map(|used| used.suite.as_str()).collect();
    parts.push(format!("in {}", suites.join(", ")));
    parts.join("; ")
}

fn methods<'a>(app: &'a App, runs: &[&'a RunView]) -> Vec<Method<'a>> {
    let suite = match app.list {
        List::Runs => app.suite(),
        List::Suites => app.suite().or_else(|| Some(runs.first()?.used_by.first()?.suite.as_str())),
    };
    let mut methods: Vec<Method<'a>> = Vec::new();
    for run in runs {
        let name = run.method(suite);
        match methods.iter_mut().find(|method| method.name == name) {
            Some(method) => method.runs.push(run),
            None => {
                let letter = ('a'..='z').nth(methods.len()).unwrap_or('*');
                methods.push(Method { name, letter, runs: vec![run] });
            }
        }
    }
    methods
}

/// Returns the legend: what is drawn, or which line belongs to which method.
fn key(methods: &[Method<'_>], list: List, width: u16, theme: Theme) -> Line<'static> {
    let mut spans = vec![Span::from("mean return per evaluation").dim()];
    if list == List::Suites {
        spans.clear();
        let room = usize::from(width) / methods.len().max(1);
        for (place, method) in methods.iter().enumerate() {
            let drawn = method.runs.iter().filter(|run| !run.curve.is_empty()).count();
            let text = format!("{} {} ×{drawn}", method.letter, one_line(method.name));
            let style = Style::new().fg(theme.method(place));
            spans.push(Span::styled(format!("{}  ", cut(&text, room.saturating_sub(2))), style));
        }
    }
    Line::from(spans)
}

#[expect(clippy::cast_precision_loss, reason = "step counts are far below 2^52")]
fn draw_chart(frame: &mut Frame<'_>, methods: &[Method<'_>], area: Rect, theme: Theme) {
    let points = || methods.iter().flat_map(|method| &method.runs).flat_map(|run| &run.curve);
    let (low, high) = points().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), point| {
        (low.min(point.1), high.max(point.1))
    });
    if low > high {
        frame.render_widget(Paragraph::new("no evaluation yet").alignment(Alignment::Center), area);
        return;
    }
    let budgets = methods.iter().flat_map(|method| &method.runs).map(|run| run.total_steps);
    let budget = budgets.max().unwrap_or(1).max(1) as f64;

    let [upper, line, labels] =
        Layout::vertical([Constraint::Min(0), Constraint::Length(1), Constraint::Length(1)])
            .areas(area);
    let y = Axis::around(low, high, upper.height);
    let [left, canvas] =
        Layout::horizontal([Constraint::Length(y.width()), Constraint::Min(0)]).areas(upper);
    let x = Axis::up_to(budget, canvas.width);
    let below = |area: Rect| Rect { x: canvas.x, width: canvas.width, ..area };
    y.draw_vertical(frame, left);
    x.draw_horizontal(frame, below(line), below(labels));
    let corner = Rect { x: left.right().saturating_sub(1), width: left.width.min(1), ..line };
    frame.render_widget(Paragraph::new("└").dim(), corner);
    let canvas_widget = Canvas::default()
        .marker(Marker::Braille)
        .x_bounds(x.bounds)
        .y_bounds(y.bounds)
        .paint(|context| {
            for (place, method) in methods.iter().enumerate() {
                let color = theme.method(place);
                for run in &method.runs {
                    for pair in run.curve.windows(2) {
                        let [(x1, y1), (x2, y2)] = [pair[0], pair[1]];
                        context.draw(&canvas::Line { x1: x1 as f64, y1, x2: x2 as f64, y2, color });
                    }
                    if let Some(&(x, y)) = run.curve.last().filter(|_| methods.len() > 1) {
                        let letter =
                            Span::styled(method.letter.to_string(), Style::new().fg(color));
                        context.print(x as f64, y, Line::from(letter.bold()));
                    }
                }
            }
        });
    frame.render_widget(canvas_widget, canvas);
}
