use pmoe_results::text::one_line;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::{block, cut, first_row};
use crate::app::{App, List, Pane, Place};
use crate::snapshot::{Count, StateKind};
use crate::theme::{Theme, sign};

/// The states with a mark, which shows the first that there is.
const MARKED: [StateKind; 6] = [
    StateKind::Failed,
    StateKind::Killed,
    StateKind::Quiet,
    StateKind::Running,
    StateKind::Requeued,
    StateKind::Queued,
];

/// Returns the preferred width of the list in columns.
pub(super) fn width(app: &App) -> u16 {
    let row = |(place, count): (Place, &Count)| {
        name(&place).chars().count() + state(count).chars().count() + 5
    };
    let widest = app.places().into_iter().map(row).max().unwrap_or(0);
    u16::try_from(widest).unwrap_or(u16::MAX)
}

/// Draws every suite and its tasks, with the number of runs done and of all runs.
pub(super) fn draw(frame: &mut Frame<'_>, app: &App, area: Rect, theme: Theme) {
    let block = block(app, Pane::Suites, "suites");
    let inner = block.inner(area);
    let width = usize::from(inner.width);
    let (places, selected) = (app.places(), app.place_row());
    let first = first_row(selected, places.len(), inner.height.into());
    let lines: Vec<_> = places
        .iter()
        .enumerate()
        .skip(first)
        .take(inner.height.into())
        .map(|(row, (place, count))| {
            let mark = MARKED
                .into_iter()
                .find(|kind| count.of(*kind) > 0)
                .map_or(Span::from(" "), |kind| Span::styled(sign(kind), theme.state(kind)));
            let state = state(count);
            let room = width.saturating_sub(state.chars().count() + 3);
            let text = format!(" {:<room$} {state}", cut(&name(place), room));
            let style =
                if count.begun() > 0 { Style::new() } else { theme.state(StateKind::Waiting) };
            let line = Line::from(vec![mark, Span::styled(text, style)]);
            match (row == selected, app.list) {
                (false, _) => line,
                (true, List::Suites) => line.style(Style::new().add_modifier(Modifier::REVERSED)),
                (true, List::Runs) => line.style(Style::new().add_modifier(Modifier::BOLD)),
            }
        })
        .collect();
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn name(place: &Place) -> String {
    match place {
        Place::All => "all".to_owned(),
        Place::Suite(suite) => one_line(suite),
        Place::Task { task, .. } => format!("  {}", one_line(task)),
    }
}

fn state(count: &Count) -> String {
    format!("{}/{}", count.of(StateKind::Done), count.all())
}
