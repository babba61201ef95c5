//! One colour per method, the same in every figure and table of a report.

use pmoe_results::Suite;

use crate::plot::Color;

/// Okabe and Ito's palette, told apart with any colour vision, strongest contrast on white first.
/// Their yellow is left out: it can't be seen on white. A violet and a grey, which the others leave room
/// for, are ours.
///
/// # Source
/// Okabe and Ito, *Color Universal Design* (2008).
const ON_LIGHT: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#5b3a8c", "#808080"];

/// The same hues, lighter where a dark page would swallow them.
const ON_DARK: [&str; 8] =
    ["#4aa3df", "#f08a3c", "#2fc79b", "#e39bc3", "#8fd0f5", "#f2bb4e", "#a98adb", "#a8a8a8"];

/// Colours of primitives, which are no methods: Tol's muted scheme, told apart with any colour vision, and
/// for the tenth, as the paper has up to ten where they are drawn, a grey. More begin anew.
///
/// # Source
/// Tol, *Colour Schemes* (2021).
const PRIMITIVES_ON_LIGHT: [&str; 10] = [
    "#332288", "#cc6677", "#117733", "#ddcc77", "#88ccee", "#882255", "#44aa99", "#999933",
    "#aa4499", "#666666",
];

/// The same hues, lighter where a dark page would swallow them.
const PRIMITIVES_ON_DARK: [&str; 10] = [
    "#8f7fe8", "#e08793", "#4fb873", "#ddcc77", "#88ccee", "#d0609c", "#44aa99", "#b5b54a",
    "#e08fd6", "#b8b8b8",
];

/// What is to be reached, on light and on dark pages: Okabe and Ito's yellow, which no method has, and a
/// shade of it that light lines stand out from.
const TARGET: [&str; 2] = ["#f0e442", "#6e6712"];

/// The methods of a report and their colours.
#[derive(Debug)]
pub(crate) struct Palette {
    methods: Vec<(String, usize)>,
}

impl Palette {
    /// The suites' methods come first, so that a method keeps its colour from report to report; each
    /// gets the first colour that no method beside it in a suite has. Then those in `found`, by name.
    pub(crate) fn new<'a>(suites: &[Suite], found: impl Iterator<Item = &'a str>) -> Self {
        let mut palette = Self { methods: Vec::new() };
        for method in suites.iter().flat_map(|suite| &suite.methods) {
            let beside = suites.iter().filter(|suite| suite.method(&method.name).is_some());
            let beside = beside.flat_map(|suite| &suite.methods);
            let taken: Vec<_> = beside.filter_map(|other| palette.known(&other.name)).collect();
            let free = (0..ON_LIGHT.len()).find(|color| !taken.contains(color));
            palette.add(&method.name, free);
        }
        let mut found: Vec<_> = found.collect();
        found.sort_unstable();
        found.into_iter().for_each(|method| palette.add(method, None));
        palette
    }

    /// Without a colour, the next one in turn.
    fn add(&mut self, method: &str, color: Option<usize>) {
        if self.known(method).is_none() {
            let color = color.unwrap_or(self.methods.len() % ON_LIGHT.len());
            self.methods.push((method.to_owned(), color));
        }
    }

    fn known(&self, method: &str) -> Option<usize> {
        self.methods.iter().find(|(name, _)| name == method).map(|(_, color)| *color)
    }

    /// Place of a method among all.
    pub(crate) fn rank(&self, method: &str) -> usize {
        self.methods.iter().position(|(name, _)| name == method).unwrap_or(self.methods.len())
    }

    /// Colour of a method.
    pub(crate) fn color(&self, method: &str) -> usize {
        self.known(method).unwrap_or(0)
    }
}

/// Colours of a drawing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ink {
    /// Fixed, dark on white: for files.
    File,
    /// By the page's style sheet, which knows whether it is light or dark there.
    Page,
}

impl Ink {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::File => "#222222",
            Self::Page => "currentColor",
        }
    }

    pub(crate) fn grid(self) -> &'static str {
        match self {
            Self::File => "#dddddd",
            Self::Page => "var(--line)",
        }
    }

    pub(crate) fn background(self) -> &'static str {
        match self {
            Self::File => "#ffffff",
            Self::Page => "none",
        }
    }

    pub(crate) fn color(self, color: Color) -> String {
        match color {
            Color::Palette(index) => self.method(index % ON_LIGHT.len()),
            Color::Faint(index) => self.faint_method(index % ON_LIGHT.len()),
            Color::Primitive(index) => self.primitive(index % PRIMITIVES_ON_LIGHT.len()),
            Color::Target => self.target().to_owned(),
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

    fn target(self) -> &'static str {
        match self {
            Self::File => TARGET[0],
            Self::Page => "var(--target)",
        }
    }

    /// A method's colour for the lines behind: two fifths of it over the background.
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

/// The style sheet's variables of all colours, for light (`false`) or dark pages.
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
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn methods_of_a_suite_differ_in_colour_and_keep_theirs() {
        let suite = |name: &str, methods: &str| {
            let text = format!(
                "title = \"t\"\nitem = \"i\"\nreference = \"sac\"\nalgos = {methods}\n\
                 tasks = [\"T\"]\n[presets]\nsmoke = {{ seeds = [0], total_steps = 1 }}\n\
                 quick = {{ seeds = [0], total_steps = 1 }}\npaper = {{ seeds = [0], total_steps = 1 }}\n"
            );
            Suite::parse(&text, Path::new(name)).unwrap()
        };
        let first = r#"["a", "b", "c", "d", "e", "f", "g", "sac"]"#;
        let suites = [suite("one", first), suite("two", r#"["h", "sac", "i"]"#)];
        let palette = Palette::new(&suites, ["z", "sac"].into_iter());
        let color = |method| palette.color(method);
        let mut of_one: Vec<_> = suites[0].methods.iter().map(|m| color(&m.name)).collect();
        of_one.sort_unstable();
        assert_eq!(of_one, (0..8).collect::<Vec<_>>());
        assert_eq!((color("h"), color("sac"), color("i")), (0, 7, 1));
        assert_eq!((palette.rank("h"), palette.rank("z"), palette.rank("unheard")), (8, 10, 11));
    }
}
