//! Assigns each method one look, the same in every figure and table of a report.

use std::collections::{BTreeMap, BTreeSet};

use pmoe_results::Suite;

/// Method colours: the palette of Okabe and Ito, distinguishable with any colour vision, highest
/// contrast on white first. Their yellow is left out because it is invisible on white. The violet
/// and the grey are ours; the other colours leave room for them.
///
/// # Source
/// Okabe and Ito, *Color Universal Design* (2008).
const ON_LIGHT: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#5b3a8c", "#808080"];

/// The same hues, lightened where they would be hard to see on a dark page.
const ON_DARK: [&str; 8] =
    ["#4aa3df", "#f08a3c", "#2fc79b", "#e39bc3", "#8fd0f5", "#f2bb4e", "#a98adb", "#a8a8a8"];

/// Primitive colours, distinct from those of methods: Tol's muted scheme, distinguishable with any
/// colour vision, and a grey for the tenth, since the paper draws up to ten. Further primitives
/// repeat the colours.
///
/// # Source
/// Tol, *Colour Schemes* (2021).
const PRIMITIVES_ON_LIGHT: [&str; 10] = [
    "#332288", "#cc6677", "#117733", "#ddcc77", "#88ccee", "#882255", "#44aa99", "#999933",
    "#aa4499", "#666666",
];

/// The same hues, lightened where they would be hard to see on a dark page.
const PRIMITIVES_ON_DARK: [&str; 10] = [
    "#8f7fe8", "#e08793", "#4fb873", "#ddcc77", "#88ccee", "#d0609c", "#44aa99", "#b5b54a",
    "#e08fd6", "#b8b8b8",
];

/// Target colour on light and dark pages: Okabe and Ito's yellow, which no method uses, and a
/// darker shade of it that light lines stand out from.
const TARGET: [&str; 2] = ["#f0e442", "#6e6712"];

/// A colour by its role; the figure's ink determines the actual value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// Colour of a method or obstacle, by index into the palette.
    Palette(usize),
    /// The same colour, faint, for background lines.
    Faint(usize),
    /// Colour of a primitive, by index.
    Primitive(usize),
    /// Colour of a cluster of states; no two of the `of` clusters share one.
    Cluster {
        /// Which cluster.
        index: usize,
        /// How many there are.
        of: usize,
    },
    /// Colour of the target.
    Target,
    /// Colour of the text.
    Text,
    /// Colour of the grid.
    Grid,
}

/// How a method is drawn. No two methods of a report share a look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Look {
    /// Index into the palette.
    pub color: usize,
    /// Pattern of the lines.
    pub dash: Dash,
    /// Sign on the lines.
    pub sign: Option<Sign>,
}

/// Pattern of a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dash {
    /// No gaps.
    #[default]
    Solid,
    /// Dashes.
    Dashed,
    /// Dots.
    Dotted,
    /// A dash and a dot in turn.
    Mixed,
}

/// A mark on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// ●
    Circle,
    /// ■
    Square,
    /// ▲
    Triangle,
    /// ◆
    Diamond,
    /// ✚
    Plus,
    /// ▼
    TriangleDown,
    /// ★
    Star,
}

impl Look {
    /// Returns all looks in the order of assignment: plain colours, then dashes, then signs. Beyond
    /// these 88, looks repeat.
    fn all() -> impl Iterator<Item = Self> {
        let dashes = [Dash::Solid, Dash::Dashed, Dash::Dotted, Dash::Mixed];
        let signs = [
            Sign::Circle,
            Sign::Square,
            Sign::Triangle,
            Sign::Diamond,
            Sign::Plus,
            Sign::TriangleDown,
            Sign::Star,
        ];
        let dashed = dashes.map(|dash| Self { dash, ..Self::default() });
        let signed = signs.map(|sign| Self { sign: Some(sign), ..Self::default() });
        let levels = dashed.into_iter().chain(signed);
        levels.flat_map(|level| (0..ON_LIGHT.len()).map(move |color| Self { color, ..level }))
    }

    /// Renders the look as an HTML element, shown before the method's name.
    pub(crate) fn swatch(self) -> String {
        let Self { color, dash, sign } = self;
        let color = format!("var(--method-{color})");
        match (sign, dash.svg()) {
            (Some(sign), _) => {
                format!("<span class=\"sign\" style=\"color:{color}\">{}</span>", sign.character())
            }
            (None, Some(pattern)) => format!(
                "<svg class=\"dash\" viewBox=\"0 0 24 8\" aria-hidden=\"true\"><path d=\"M0 4h24\" \
                 style=\"stroke:{color}\" stroke-width=\"3\" stroke-dasharray=\"{pattern}\"/></svg>"
            ),
            (None, None) => format!("<span class=\"swatch\" style=\"background:{color}\"></span>"),
        }
    }
}

impl Dash {
    /// Returns the lengths in CSS pixels that are alternately drawn and skipped.
    pub(crate) fn pattern(self) -> Option<&'static [f64]> {
        match self {
            Self::Solid => None,
            Self::Dashed => Some(&[9.0, 6.0]),
            Self::Dotted => Some(&[2.0, 5.0]),
            Self::Mixed => Some(&[9.0, 5.0, 2.0, 5.0]),
        }
    }

    /// Returns the `stroke-dasharray`, short enough for a legend.
    pub(crate) fn svg(self) -> Option<&'static str> {
        match self {
            Self::Solid => None,
            Self::Dashed => Some("5 3"),
            Self::Dotted => Some("2 2.5"),
            Self::Mixed => Some("6 2 2 2"),
        }
    }
}

impl Sign {
    fn character(self) -> char {
        match self {
            Self::Circle => '●',
            Self::Square => '■',
            Self::Triangle => '▲',
            Self::Diamond => '◆',
            Self::Plus => '✚',
            Self::TriangleDown => '▼',
            Self::Star => '★',
        }
    }
}

/// The methods of a report and their looks.
#[derive(Debug)]
pub(crate) struct Palette {
    /// Methods in order, each with its preferred colour.
    methods: Vec<(String, usize)>,
    looks: BTreeMap<String, Look>,
}

impl Palette {
    /// Assigns looks to the methods; `beside` lists the methods of each part of the report.
    ///
    /// The suites' methods come first, so that a method keeps its colour across reports. Each
    /// prefers the first colour that no other method of its suites has. The remaining methods
    /// follow by name. A method whose preferred colour is taken gets another one. When all are
    /// taken, it gets a dash or a sign, if possible in a colour that no method in the same parts
    /// has.
    pub(crate) fn new(suites: &[Suite], beside: &[Vec<&str>]) -> Self {
        let mut palette = Self { methods: Vec::new(), looks: BTreeMap::new() };
        for method in suites.iter().flat_map(|suite| &suite.methods) {
            let beside = suites.iter().filter(|suite| suite.method(&method.name).is_some());
            let beside = beside.flat_map(|suite| &suite.methods);
            let taken: Vec<_> = beside.filter_map(|other| palette.wanted(&other.name)).collect();
            let free = (0..ON_LIGHT.len()).find(|color| !taken.contains(color));
            palette.add(&method.name, free);
        }
        let found: BTreeSet<&str> = beside.iter().flatten().copied().collect();
        found.iter().for_each(|method| palette.add(method, None));
        for (method, color) in palette.methods.clone() {
            if found.contains(method.as_str()) {
                let look = palette.free_look(&method, color, beside);
                palette.looks.insert(method, look);
            }
        }
        palette
    }

    /// Adds a method with its preferred colour; without one, it takes the next in turn.
    fn add(&mut self, method: &str, color: Option<usize>) {
        if self.wanted(method).is_none() {
            let color = color.unwrap_or(self.methods.len() % ON_LIGHT.len());
            self.methods.push((method.to_owned(), color));
        }
    }

    fn wanted(&self, method: &str) -> Option<usize> {
        self.methods.iter().find(|(name, _)| name == method).map(|(_, color)| *color)
    }

    fn free_look(&self, method: &str, wanted: usize, beside: &[Vec<&str>]) -> Look {
        let near = beside.iter().filter(|part| part.contains(&method)).flatten();
        let near: BTreeSet<usize> =
            near.filter_map(|other| self.looks.get(*other)).map(|look| look.color).collect();
        let taken: BTreeSet<&Look> = self.looks.values().collect();
        let free: Vec<Look> = Look::all().filter(|look| !taken.contains(look)).collect();
        // Looks of the same level differ only in colour.
        let level = |look: &Look| (look.sign, look.dash);
        let first = free.first().map(level);
        let of_level = free.into_iter().filter(|look| Some(level(look)) == first);
        let rank = |look: &Look| (near.contains(&look.color), look.color != wanted, look.color);
        of_level.min_by_key(rank).unwrap_or(Look { color: wanted, ..Look::default() })
    }

    /// Returns the position of a method in the order of all methods.
    pub(crate) fn rank(&self, method: &str) -> usize {
        self.methods.iter().position(|(name, _)| name == method).unwrap_or(self.methods.len())
    }

    /// Returns the look of a method.
    pub(crate) fn look(&self, method: &str) -> Look {
        self.looks.get(method).copied().unwrap_or_default()
    }
}

/// Where a drawing takes its colours from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ink {
    /// Fixed colours, dark on white: for files.
    File,
    /// Variables of the page's style sheet, which switches between light and dark.
    Page,
}

/// The colours of an ink that no number chooses.
struct Fixed {
    text: &'static str,
    grid: &'static str,
    background: &'static str,
    target: &'static str,
}

impl Ink {
    const fn fixed(self) -> Fixed {
        match self {
            Self::File => {
                let [target, _] = TARGET;
                Fixed { text: "#222222", grid: "#dddddd", background: "#ffffff", target }
            }
            Self::Page => Fixed {
                text: "currentColor",
                grid: "var(--line)",
                background: "none",
                target: "var(--target)",
            },
        }
    }

    pub(crate) fn text(self) -> &'static str {
        self.fixed().text
    }

    pub(crate) fn grid(self) -> &'static str {
        self.fixed().grid
    }

    pub(crate) fn background(self) -> &'static str {
        self.fixed().background
    }

    pub(crate) fn color(self, color: Color) -> String {
        match color {
            Color::Palette(index) => self.method(index % ON_LIGHT.len()),
            Color::Faint(index) => self.faint_method(index % ON_LIGHT.len()),
            Color::Primitive(index) => self.primitive(index % PRIMITIVES_ON_LIGHT.len()),
            Color::Cluster { index, of } => cluster(index, of),
            Color::Target => self.fixed().target.to_owned(),
            Color::Text => self.text().to_owned(),
            Color::Grid => self.grid().to_owned(),
        }
    }

    fn method(self, index: usize) -> String {
        match self {
            Self::File => ON_LIGHT[index].to_owned(),
            Self::Page => format!("var(--method-{index})"),
        }
    }

    fn primitive(self, index: usize) -> String {
        match self {
            Self::File => PRIMITIVES_ON_LIGHT[index].to_owned(),
            Self::Page => format!("var(--primitive-{index})"),
        }
    }

    /// Returns the faint colour of a method for background lines: 40 % on white in files.
    fn faint_method(self, index: usize) -> String {
        match self {
            Self::File => {
                let mixed = [1, 3, 5].map(|at| {
                    let channel = u8::from_str_radix(&ON_LIGHT[index][at..at + 2], 16);
                    let channel = channel.expect("the palette is written in hexadecimal");
                    0.4 * f64::from(channel) + 0.6 * 255.0
                });
                format!("#{:02x}{:02x}{:02x}", mixed[0] as u8, mixed[1] as u8, mixed[2] as u8)
            }
            Self::Page => format!("var(--faint-{index})"),
        }
    }
}

/// Returns a colour of middle lightness, which is visible on light and dark pages. Hues are evenly
/// spaced; neighbours also differ in lightness.
fn cluster(index: usize, of: usize) -> String {
    let hue = 6.0 * index as f64 / of.max(1) as f64;
    let (saturation, lightness) = [(0.65, 0.62), (0.55, 0.45), (0.45, 0.72)][index % 3];
    let chroma = saturation * (1.0 - f64::abs(2.0 * lightness - 1.0));
    // From hue, saturation and lightness to red, green and blue, channel by channel.
    let channel = |peak: f64| {
        let distance = f64::abs((hue - peak + 9.0) % 6.0 - 3.0);
        let share = (2.0 - distance).clamp(0.0, 1.0);
        (255.0 * (lightness + chroma * (share - 0.5))).round() as u8
    };
    let [red, green, blue] = [0.0, 2.0, 4.0].map(channel);
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Returns the style sheet's colour variables, for light (`false`) or dark pages.
pub(crate) fn css_variables(dark: bool) -> String {
    let (methods, primitives) =
        if dark { (ON_DARK, PRIMITIVES_ON_DARK) } else { (ON_LIGHT, PRIMITIVES_ON_LIGHT) };
    let primitive = |(index, color): (usize, &str)| format!("--primitive-{index}:{color};");
    let method = |(index, color): (usize, &str)| {
        format!(
            "--method-{index}:{color};\
             --faint-{index}:color-mix(in srgb,{color} 45%,var(--paper));"
        )
    };
    let methods = methods.into_iter().enumerate().map(method);
    let primitives = primitives.into_iter().enumerate().map(primitive);
    let target = format!("--target:{};", TARGET[usize::from(dark)]);
    methods.chain(primitives).chain([target]).collect()
}

#[cfg(test)]
mod tests;
