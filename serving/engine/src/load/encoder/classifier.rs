//! Names of the two classification heads.

/// Names of a head's two layers, without `.weight` and `.bias`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeadNames {
    /// Square layer with tanh on the first row.
    pub(crate) dense: &'static str,
    /// Layer with one row for each label.
    pub(crate) labels: &'static str,
}

/// RoBERTa has a layer of its own before the labels; BERT takes its pooler.
pub(crate) fn head_names(has: impl Fn(&str) -> bool) -> HeadNames {
    if has("classifier.out_proj.weight") {
        HeadNames {
            dense: "classifier.dense",
            labels: "classifier.out_proj",
        }
    } else {
        HeadNames {
            dense: "pooler.dense",
            labels: "classifier",
        }
    }
}
