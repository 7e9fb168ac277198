//! Text templates that people write, rendered within limits and without anything to reach.

use std::sync::LazyLock;

use minijinja::{Environment, UndefinedBehavior};

/// Instructions that a template may take. A loop over a thousand things takes some ten thousand.
const FUEL: u64 = 50_000;

/// The longest template, and the longest text that it may become, in bytes.
const MAX_TEXT: usize = 1 << 20;

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(50);
    // Multiplied and padded texts could outgrow the memory before any limit on the output is looked at.
    for name in ["center", "indent"] {
        environment.remove_filter(name);
    }
    environment
});

/// Checks the syntax of a template.
///
/// # Errors
/// What is wrong with it, for people.
pub(super) fn check(template: &str) -> Result<(), String> {
    if template.len() > MAX_TEXT {
        return Err(format!("the template is longer than {MAX_TEXT} bytes"));
    }
    ENVIRONMENT.template_from_str(template).map(|_| ()).map_err(text)
}

/// Renders a template; no name is defined in it.
///
/// # Errors
/// What is wrong with it, for people.
pub(super) fn render(template: &str) -> Result<String, String> {
    check(template)?;
    if !template.contains("{{") && !template.contains("{%") {
        return Ok(template.to_owned());
    }
    let rendered = ENVIRONMENT.render_str(template, ()).map_err(text)?;
    if rendered.len() > MAX_TEXT {
        return Err(format!("the text is longer than {MAX_TEXT} bytes"));
    }
    Ok(rendered)
}

fn text(error: minijinja::Error) -> String {
    match (error.detail(), error.line()) {
        (Some(detail), Some(line)) => format!("{}: {detail} (line {line})", error.kind()),
        (Some(detail), None) => format!("{}: {detail}", error.kind()),
        (None, _) => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn templates_render_without_names_and_within_limits() {
        let table = [
            ("plain", Ok("plain")),
            ("{{ 1 + 2 }}", Ok("3")),
            ("[{{ a.b.c }}]", Ok("[]")),
            ("{{ 'a'|upper }}", Ok("A")),
        ];
        for (template, text) in table {
            assert_eq!(render(template).as_deref().map_err(|_| ()), text, "{template}");
        }
        for template in
            ["{{", "{% for %}", "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}"]
        {
            render(template).expect_err(template);
        }
    }
}
