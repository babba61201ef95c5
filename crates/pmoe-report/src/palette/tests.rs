use std::path::Path;

use super::*;

fn suite(name: &str, methods: &[&str]) -> Suite {
    let text = format!(
        "title = \"t\"\nitem = \"i\"\nreference = {:?}\nalgos = {methods:?}\n\
         tasks = [\"T\"]\n[presets]\nsmoke = {{ seeds = [0], total_steps = 1 }}\n\
         quick = {{ seeds = [0], total_steps = 1 }}\npaper = {{ seeds = [0], total_steps = 1 }}\n",
        methods[0]
    );
    Suite::parse(&text, Path::new(name)).unwrap()
}

/// Returns the looks of all methods in order, and checks that they are distinct.
fn looks(palette: &Palette, methods: &[&str]) -> Vec<Look> {
    let looks: Vec<_> = methods.iter().map(|method| palette.look(method)).collect();
    let distinct: BTreeSet<_> = looks.iter().collect();
    assert_eq!(distinct.len(), methods.len(), "{methods:?}: {looks:?}");
    looks
}

fn names(count: usize, prefix: &str) -> Vec<String> {
    (0..count).map(|index| format!("{prefix}{index}")).collect()
}

#[test]
fn methods_of_a_suite_differ_in_colour_and_keep_theirs() {
    let first = ["a", "b", "c", "d", "e", "f", "g", "sac"];
    let second = ["h", "sac", "i"];
    let suites = [suite("one", &first), suite("two", &second)];
    let color = |palette: &Palette, method| palette.look(method).color;
    let one = Palette::new(&suites, &[first.to_vec()]);
    assert_eq!(first.map(|method| color(&one, method)), [0, 1, 2, 3, 4, 5, 6, 7]);
    let two = Palette::new(&suites, &[second.to_vec(), vec!["z"]]);
    assert_eq!(second.map(|method| color(&two, method)), [0, 7, 1]);
    assert_eq!((two.rank("h"), two.rank("z"), two.rank("unheard")), (8, 10, 11));
    // Both suites in one report: eight methods get plain colours, the other two dashed lines, in
    // colours that no method in the same suite has.
    let all = Palette::new(&suites, &[first.to_vec(), second.to_vec()]);
    let looks = looks(&all, &["a", "b", "c", "d", "e", "f", "g", "sac", "h", "i"]);
    assert!(looks[..8].iter().all(|look| (look.dash, look.sign) == (Dash::Solid, None)));
    assert_eq!(
        looks[8..].iter().map(|look| (look.color, look.dash)).collect::<Vec<_>>(),
        [(0, Dash::Dashed), (1, Dash::Dashed)]
    );
}

#[test]
fn no_two_of_2_to_24_methods_look_alike() {
    let known = [
        suite("one", &["sac", "pmoe-sac", "mcp-sac"]),
        suite("two", &["ppo", "pmoe-ppo"]),
        suite("three", &["dac", "sac"]),
        suite("four", &["k2", "k4", "k8", "k10", "k14", "k16", "sac"]),
    ];
    let known_names = [
        "sac", "pmoe-sac", "mcp-sac", "ppo", "pmoe-ppo", "dac", "k2", "k4", "k8", "k10", "k14",
        "k16",
    ];
    for count in 2..=24 {
        // Methods of one suite, of plain folders, and of a user's runs next to known suites, each
        // in a separate part or all in one.
        let of_suite = names(count, "variant");
        let of_suite: Vec<&str> = of_suite.iter().map(String::as_str).collect();
        let plain = looks(
            &Palette::new(&[suite("s", &of_suite)], std::slice::from_ref(&of_suite)),
            &of_suite,
        );
        let of_folders = looks(&Palette::new(&[], std::slice::from_ref(&of_suite)), &of_suite);
        let apart: Vec<_> = of_suite.iter().map(|name| vec![*name]).collect();
        looks(&Palette::new(&known, &apart), &of_suite);
        for looks in [plain, of_folders] {
            let colors: BTreeSet<_> = looks.iter().map(|look| look.color).collect();
            assert_eq!(colors.len(), count.min(8), "colours come first");
            let is_plain = |look: &&Look| (look.dash, look.sign) == (Dash::Solid, None);
            assert_eq!(looks.iter().filter(is_plain).count(), count.min(8));
        }
        let of_user = names(count.saturating_sub(known_names.len()), "sac (gamma=0.");
        let mixed: Vec<&str> =
            known_names.iter().copied().chain(of_user.iter().map(String::as_str)).collect();
        let palette = Palette::new(&known, &[mixed[..count].to_vec()]);
        let first = looks(&palette, &mixed[..count]);
        // The order of discovery does not matter.
        let turned = Palette::new(&known, &[mixed[..count].iter().rev().copied().collect()]);
        assert_eq!(looks(&turned, &mixed[..count]), first);
    }
    let many = names(88, "m");
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    looks(&Palette::new(&[], std::slice::from_ref(&many)), &many);
}

#[test]
fn swatches_differ_too() {
    let swatches: BTreeSet<_> = Look::all().map(Look::swatch).collect();
    assert_eq!(swatches.len(), 88);
}

#[test]
fn clusters_have_colours_of_their_own() {
    assert_eq!(cluster(0, 3), "#dd5f5f");
    for of in [1, 2, 10, 50] {
        let colors: BTreeSet<_> = (0..of).map(|index| cluster(index, of)).collect();
        assert_eq!(colors.len(), of);
    }
}
