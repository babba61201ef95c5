//! Colours, and signs that say the same without them.

use ratatui::style::{Color, Modifier, Style};

use crate::snapshot::StateKind;

/// Whether there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// Of the 256 that nearly every terminal has.
    Colors,
    /// None: bold, dim and reversed text only.
    Plain,
}

/// The hues of the report's figures (Okabe and Ito's, told apart with any colour vision), in shades that can
/// be seen on black and on white.
const HUES: [u8; 8] = [32, 166, 36, 175, 74, 178, 98, 245];

impl Theme {
    /// No colours if the environment variable `NO_COLOR` has a value.
    #[must_use]
    pub fn from_env() -> Self {
        let is_set = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if is_set { Self::Plain } else { Self::Colors }
    }

    /// Of a method, by its place among those beside it.
    pub(crate) fn method(self, place: usize) -> Color {
        self.hue(place % HUES.len())
    }

    pub(crate) fn state(self, kind: StateKind) -> Style {
        match kind {
            StateKind::Failed => Style::new().fg(self.hue(1)).add_modifier(Modifier::BOLD),
            StateKind::Quiet => Style::new().fg(self.hue(5)).add_modifier(Modifier::BOLD),
            StateKind::Running => Style::new().fg(self.hue(0)).add_modifier(Modifier::BOLD),
            StateKind::Done => Style::new().fg(self.hue(2)),
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

/// The sign of a state.
pub(crate) fn sign(kind: StateKind) -> &'static str {
    match kind {
        StateKind::Failed => "✗",
        StateKind::Quiet => "?",
        StateKind::Running => "▶",
        StateKind::Stopped => "‖",
        StateKind::Waiting => "·",
        StateKind::Done => "✓",
    }
}
