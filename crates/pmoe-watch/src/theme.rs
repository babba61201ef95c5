//! Colours, and signs with the same meaning.

use ratatui::style::{Color, Modifier, Style};

use crate::snapshot::StateKind;

/// Whether to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// Colours of the 256-colour palette, which nearly every terminal has.
    Colors,
    /// No colours: only bold, dim and reversed text.
    Plain,
}

/// The hues of the report's figures (those of Okabe and Ito, distinguishable with any colour
/// vision), in shades that are visible on black and on white.
const HUES: [u8; 8] = [32, 166, 36, 175, 74, 178, 98, 245];

impl Theme {
    /// Returns [`Theme::Plain`] if the environment variable `NO_COLOR` has a value.
    #[must_use]
    pub fn from_env() -> Self {
        let is_set = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if is_set { Self::Plain } else { Self::Colors }
    }

    /// Returns the colour of a method by its place in the legend.
    pub(crate) fn method(self, place: usize) -> Color {
        self.hue(place % HUES.len())
    }

    pub(crate) fn state(self, kind: StateKind) -> Style {
        match kind {
            StateKind::Failed | StateKind::Killed => {
                Style::new().fg(self.hue(1)).add_modifier(Modifier::BOLD)
            }
            StateKind::Quiet => Style::new().fg(self.hue(5)).add_modifier(Modifier::BOLD),
            StateKind::Running => Style::new().fg(self.hue(0)).add_modifier(Modifier::BOLD),
            StateKind::Requeued => Style::new().fg(self.hue(6)),
            StateKind::Done => Style::new().fg(self.hue(2)),
            StateKind::Queued => Style::new().fg(self.hue(4)),
            StateKind::Stopped => Style::new().fg(self.hue(7)),
            StateKind::Waiting => Style::new().add_modifier(Modifier::DIM),
        }
    }

    fn hue(self, index: usize) -> Color {
        match self {
            Self::Colors => Color::Indexed(HUES[index]),
            Self::Plain => Color::Reset,
        }
    }
}

/// Returns the sign of a state.
pub(crate) fn sign(kind: StateKind) -> &'static str {
    match kind {
        StateKind::Failed => "✗",
        StateKind::Killed => "!",
        StateKind::Quiet => "?",
        StateKind::Running => "▶",
        StateKind::Requeued => "↻",
        StateKind::Stopped => "‖",
        StateKind::Done => "✓",
        StateKind::Queued => "○",
        StateKind::Waiting => "·",
    }
}
