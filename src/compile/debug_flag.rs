//! Leaves `-g` out of a release's own compiler flags. The flags differ from release to release, so the
//! release's `configure` is changed where it sets them, and not replaced by a list of flags here.

use std::borrow::Cow;

use crate::plan::DebugInfo;

/// The text of `configure` without `-g`; `None` if the build keeps it. `OPT` and `CFLAGS` of the user win
/// over `configure`'s own, so a `-g` in them stays.
pub(super) fn without_it(
    script: &str,
    debug_info: DebugInfo,
    arguments: &[String],
) -> Option<String> {
    let omitted = debug_info == DebugInfo::None && !is_debug_build(arguments);
    omitted.then(|| script.split_inclusive('\n').map(without_flag).collect())
}

/// Whether `--with-pydebug` is in effect: such an interpreter is for a debugger.
fn is_debug_build(arguments: &[String]) -> bool {
    let last = arguments
        .iter()
        .rev()
        .find(|argument| argument.trim_start_matches('-').contains("-pydebug"));
    last.is_some_and(|argument| argument.contains("with-pydebug") && !argument.ends_with("=no"))
}

/// The line without its `-g`, if it sets the flags of an optimised build.
fn without_flag(line: &str) -> Cow<'_, str> {
    let set = |name: &str| {
        let value = line.trim_start().strip_prefix(name)?;
        value.strip_prefix("=\"")
    };
    // The flags of the link-time optimisation (bpo-30345), which have no level.
    let of_linking = set("LTOFLAGS").map(|value| value.contains("-g"));
    // 2.7 takes `CFLAGS` from autoconf's test of the compiler, all releases set `OPT`.
    let of_compiling = set("OPT").or_else(|| set("CFLAGS"));
    let of_compiling = of_compiling.map(|value| value.contains(" -O3") || value.contains(" -O2"));
    if of_linking.or(of_compiling) == Some(true) {
        Cow::Owned(line.replace("=\"-g ", "=\"").replace(" -g\"", "\""))
    } else {
        Cow::Borrowed(line)
    }
}

#[cfg(test)]
mod tests {
    use super::without_it;
    use crate::plan::DebugInfo;

    fn changed(script: &str, debug_info: DebugInfo, arguments: &[&str]) -> String {
        let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
        without_it(script, debug_info, &arguments).unwrap_or_else(|| script.to_owned())
    }

    /// The lines of 2.7.18, 3.9.2 and 3.13.5 that contain `-g`, and some that stay.
    const LINES: [(&str, &str); 9] = [
        (
            "\t\tOPT=\"-g $WRAP -O3 -Wall $STRICT_PROTO\"\n",
            "\t\tOPT=\"$WRAP -O3 -Wall $STRICT_PROTO\"\n",
        ),
        ("\t\tOPT=\"-g -O3 -Wall\"\n", "\t\tOPT=\"-O3 -Wall\"\n"),
        ("    CFLAGS=\"-g -O2\"\n", "    CFLAGS=\"-O2\"\n"),
        (
            "      LTOFLAGS=\"$LTOFLAGS -g\"\n",
            "      LTOFLAGS=\"$LTOFLAGS\"\n",
        ),
        // A test whether the compiler knows the flag, and debug builds.
        ("\t CFLAGS=\"-g\"\n", "\t CFLAGS=\"-g\"\n"),
        (
            "\t\tOPT=\"-g $PYDEBUG_CFLAGS -Wall\"\n",
            "\t\tOPT=\"-g $PYDEBUG_CFLAGS -Wall\"\n",
        ),
        ("OPT=\"-g -O0 -Wall\"\n", "OPT=\"-g -O0 -Wall\"\n"),
        (
            "pcpcc = &g + (g ? g-g : 0);\n",
            "pcpcc = &g + (g ? g-g : 0);\n",
        ),
        ("  OPT=\"-DNDEBUG $OPT\"", "  OPT=\"-DNDEBUG $OPT\""),
    ];

    #[test]
    fn the_flag_is_removed_where_an_optimised_build_sets_it() {
        let (before, after): (String, String) = LINES.into_iter().unzip();
        assert_eq!(changed(&before, DebugInfo::None, &[]), after);
        for kept in [DebugInfo::InFiles, DebugInfo::Split] {
            assert_eq!(changed(&before, kept, &[]), before);
        }
    }

    #[test]
    fn a_debug_build_keeps_the_flag() {
        let before = LINES[0].0;
        for (arguments, keeps) in [
            (&["--with-pydebug"][..], true),
            (&["--with-pydebug=yes"], true),
            (&["--with-pydebug=no"], false),
            (&["--with-pydebug", "--without-pydebug"], false),
            (&["--without-pydebug", "--with-pydebug"], true),
            (&["--with-trace-refs"], false),
        ] {
            let same = changed(before, DebugInfo::None, arguments) == before;
            assert_eq!(same, keeps, "{arguments:?}");
        }
    }
}
