//! Small charts as SVG with a title, drawn with attributes only (no inline styles, for the policy).

use maud::{Markup, html};

/// Width of a sparkline's own coordinates.
const SPARK_WIDTH: f64 = 120.0;
/// Height of a sparkline's own coordinates.
const SPARK_HEIGHT: f64 = 28.0;

/// A horizontal bar: `part` of `whole`, with a title for screen readers and hovering.
///
/// A whole of zero draws an empty bar; a part above the whole draws a full one.
pub fn bar(part: u64, whole: u64, title: &str) -> Markup {
    let permille = if whole == 0 {
        0
    } else {
        u128::from(part.min(whole)) * 1000 / u128::from(whole)
    };
    html! {
        svg.bar role="img" aria-label=(title) viewBox="0 0 1000 60" preserveAspectRatio="none" {
            title { (title) }
            rect.bar-whole x="0" y="0" width="1000" height="60" {}
            rect.bar-part x="0" y="0" width=(permille) height="60" {}
        }
    }
}

/// A small line of values over time, oldest first; unknown values (`None`, NaN) leave a gap.
///
/// The scale starts at zero and ends at `top`, or at the highest value when that is higher.
pub fn sparkline(values: &[Option<f64>], top: f64, title: &str) -> Markup {
    html! {
        svg.spark role="img" aria-label=(title) viewBox={ "0 0 " (SPARK_WIDTH) " " (SPARK_HEIGHT) }
            preserveAspectRatio="none" {
            title { (title) }
            @for points in lines(values, top) {
                polyline.spark-line fill="none" points=(points) {}
            }
        }
    }
}

/// The runs of known values as SVG point lists.
fn lines(values: &[Option<f64>], top: f64) -> Vec<String> {
    let known = |value: &Option<f64>| value.filter(|number| number.is_finite());
    let highest = values.iter().filter_map(known).fold(top, f64::max);
    let highest = if highest.is_finite() && highest > 0.0 {
        highest
    } else {
        1.0
    };
    let step = SPARK_WIDTH / (values.len().saturating_sub(1).max(1)) as f64;
    let mut runs = Vec::new();
    let mut run: Vec<String> = Vec::new();
    for (at, value) in values.iter().enumerate() {
        if let Some(number) = known(value) {
            let height = SPARK_HEIGHT - 2.0;
            let y = 1.0 + height * (1.0 - number.max(0.0) / highest);
            run.push(format!("{:.1},{y:.1}", at as f64 * step));
        } else if !run.is_empty() {
            runs.push(std::mem::take(&mut run).join(" "));
        }
    }
    if !run.is_empty() {
        runs.push(run.join(" "));
    }
    runs
}
