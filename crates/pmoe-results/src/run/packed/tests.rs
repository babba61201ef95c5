use proptest::prelude::*;

use super::*;

const MOST: u64 = 1 << 20;

fn back(lines: &str) -> String {
    unpack(&pack(lines).unwrap(), MOST).unwrap()
}

#[test]
fn lines_come_back_byte_for_byte() {
    for lines in [
        "",
        "\n",
        "no JSON at all",
        "{\"event\":\"episode\",\"env_step\":19,\"truncated\":false}\n",
        // No line break at the end.
        "{\"a\":1}\n{\"a\":2}\n{\"b\":[1,2.5,-3e300]}\n{\"a\":3}",
        // Digits, escapes and letters of other scripts in strings.
        r#"{"na\"me 1":"-2 \\","\u00e9 3é":4}"#,
        "{\"unclosed 5\\",
        // Not as a writer of numbers would have them.
        "[-0,007,1E5,1e5,0.10,-,1f,1.5f,--3,99999999999999999999,-0.0,1e-400]",
        // The ends of what a difference may be.
        "[9223372036854775807]\n[-9223372036854775808]\n[9223372036854775807]",
        // With the precision of f32, and beyond it.
        "[0.06645024409177316]\n[0.1]\n[0.10000000149011612]\n[3.4028234663852886e38]\n[3e39]",
        "a\r\nb\r\n",
    ] {
        assert_eq!(back(lines), lines);
    }
}

#[test]
fn a_packed_text_is_as_described() {
    let lines = "{\"s\":10,\"r\":0.5}\n{\"s\":17,\"r\":0.1}\n{\"e\":3}\n{\"s\":15,\"r\":2}\n";
    let text =
        "pmoe events 1\n3\n{\"s\":\t,\"r\":\t}\n{\"e\":\t}\n\n0x2 1 0 2\n10 7 -2\n0.5f 0.1 2\n3";
    assert_eq!(columns(lines), text);
}

#[test]
fn a_tab_is_refused() {
    assert!(pack("{\"a\":\t1}").unwrap_err().to_string().contains("tabs"));
}

#[test]
fn what_is_damaged_or_too_large_is_an_error() {
    let packed = pack(&"{\"a\":1}\n".repeat(1000)).unwrap();
    assert!(unpack(&packed, 7000).is_err());
    assert!(unpack(&packed, 8000).is_ok());
    for len in 0..packed.len() {
        assert!(unpack(&packed[..len], MOST).is_err(), "{len}");
    }
    for at in 0..packed.len() {
        let mut changed = packed.clone();
        changed[at] ^= 0x10;
        // No panic; checksums find most changes.
        let _ = unpack(&changed, MOST);
    }
    for text in [
        "",
        "pmoe events 2\n0\n0",
        "pmoe events 1\n",
        "pmoe events 1\nmany\na\n0",
        "pmoe events 1\n1\na",
        "pmoe events 1\n1\na\n1",
        "pmoe events 1\n1\na\nx",
        "pmoe events 1\n1\na\n0x99999999999999999999",
        // Four lines from few bytes, and endlessly many.
        "pmoe events 1\n1\na\n0x4000000000000",
        "pmoe events 1\n1\n\t\n0",
        "pmoe events 1\n1\n\t\n0x2\n1",
        "pmoe events 1\n1\n\t\n0\n1 2",
        "pmoe events 1\n1\n\t\n0\nxyz",
        "pmoe events 1\n1\n\t\n0\nonef",
    ] {
        assert!(super::lines(text, 1 << 10).is_err(), "{text:?}");
    }
}

#[test]
fn packing_saves_what_it_promises() {
    // An episode in three lines of metrics, of numbers that do not repeat.
    let mut lines = String::new();
    for step in 0..3000_u32 {
        let value = f64::from(step).sin();
        let single = f64::from(value as f32);
        if step % 3 == 0 {
            lines += &format!("{{\"event\":\"update\",\"env_step\":{step},\"loss\":{single:?}}}\n");
        }
        lines += &format!(
            "{{\"event\":\"episode\",\"env_step\":{step},\"return\":{value:?},\"length\":17}}\n"
        );
    }
    let packed = pack(&lines).unwrap().len();
    assert!(packed * 5 < lines.len(), "{packed} of {}", lines.len());
}

proptest! {
    #[test]
    fn any_text_comes_back(text in "[^\t]{0,200}") {
        prop_assert_eq!(back(&text), text);
    }

    #[test]
    fn any_events_come_back(
        rows in prop::collection::vec((any::<i64>(), any::<f64>(), any::<f32>(), 0..3_usize), 0..50),
    ) {
        let mut text = String::new();
        for (integer, double, single, kind) in rows {
            let number = [double, f64::from(single), integer as f64][kind];
            let number = serde_json::to_string(&number).unwrap();
            text += &format!("{{\"kind\":{kind},\"i\":{integer},\"n\":[{number},{kind}]}}\n");
        }
        prop_assert_eq!(back(&text), text);
    }

    #[test]
    fn no_bytes_make_it_panic(text in "(pmoe events 1\n)?[0-9]{0,2}\n[a\t]{0,9}\n[0-9x ]{0,9}\n[0-9f=.e \n-]{0,40}") {
        let _ = super::lines(&text, 1 << 16);
    }
}
