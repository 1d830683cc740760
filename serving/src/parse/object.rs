//! One call as a JSON object, read while it is written: `{"name": …, "arguments": {…}}`.

/// Nested brackets of arguments.
const DEEPEST: usize = 128;
/// Most characters of a call before its name and the beginning of its arguments are known.
const LONGEST_HEAD: usize = 16 << 10;

/// Reads one object. Fields may come in any order, others than name and arguments are skipped.
#[derive(Debug, Default)]
pub(super) struct CallObject {
    state: State,
    name: Option<String>,
    field: Field,
    /// The key, name or scalar that is being read, as raw JSON.
    raw: String,
    value: Value,
    /// Argument text that was not handed out.
    arguments: String,
    began: bool,
    /// Arguments are a JSON text inside a JSON string.
    quoted: bool,
    seen: usize,
}

/// What a character meant.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Part of the call.
    More,
    /// The last character of the call.
    Complete,
    /// This is not a call; the character is not part of it.
    Broken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Open,
    KeyOrEnd,
    Key,
    KeyText,
    Colon,
    Value,
    InValue,
    Next,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Field {
    Name,
    Arguments,
    #[default]
    Other,
}

/// Where a JSON value ends.
#[derive(Debug, Default)]
pub(super) struct Value {
    stack: Vec<char>,
    string: bool,
    escaped: bool,
    scalar: bool,
}

impl Value {
    /// Takes the next character: `Complete` with the value's last one; `Broken` before it where
    /// it cannot continue the value (which a scalar ends by).
    pub(super) fn push(&mut self, c: char) -> Progress {
        if self.string {
            self.in_string(c);
            return if self.string || !self.stack.is_empty() {
                Progress::More
            } else {
                Progress::Complete
            };
        }
        match c {
            '"' if !self.scalar => self.string = true,
            '{' | '[' if !self.scalar && self.stack.len() < DEEPEST => self.stack.push(c),
            '}' | ']' => {
                let open = if c == '}' { '{' } else { '[' };
                if self.stack.pop() != Some(open) {
                    return Progress::Broken;
                }
                if self.stack.is_empty() {
                    return Progress::Complete;
                }
            }
            _ if !self.stack.is_empty() => {
                let structure = matches!(c, ',' | ':') || c.is_ascii_whitespace();
                if !structure && !is_scalar(c) {
                    return Progress::Broken;
                }
            }
            _ if is_scalar(c) => self.scalar = true,
            _ => return Progress::Broken,
        }
        Progress::More
    }

    fn in_string(&mut self, c: char) {
        match c {
            _ if self.escaped => self.escaped = false,
            '\\' => self.escaped = true,
            '"' => self.string = false,
            _ => {}
        }
    }
}

/// Characters of numbers, true, false and null.
fn is_scalar(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.')
}

impl CallObject {
    /// The tool's name, once it is known and the arguments began.
    pub(super) fn begun(&self) -> Option<&str> {
        self.name.as_deref().filter(|_| self.began)
    }

    /// The tool's name, once it is known.
    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Argument text since the last time.
    pub(super) fn take_arguments(&mut self) -> String {
        std::mem::take(&mut self.arguments)
    }

    pub(super) fn push(&mut self, c: char) -> Progress {
        self.seen += 1;
        if self.seen > LONGEST_HEAD && self.begun().is_none() {
            return Progress::Broken;
        }
        match self.state {
            State::KeyText => self.key_text(c),
            State::InValue => self.in_value(c),
            State::Value if !c.is_ascii_whitespace() => self.first_of_value(c),
            _ if c.is_ascii_whitespace() => Progress::More,
            state => match (state, c) {
                (State::Open, '{') => self.go(State::KeyOrEnd),
                (State::KeyOrEnd | State::Key, '"') => {
                    self.raw.clear();
                    self.raw.push('"');
                    self.value = Value::default();
                    self.value.push('"');
                    self.go(State::KeyText)
                }
                (State::Colon, ':') => self.go(State::Value),
                (State::Next, ',') => self.go(State::Key),
                (State::KeyOrEnd | State::Next, '}') if self.name.is_some() => Progress::Complete,
                _ => Progress::Broken,
            },
        }
    }

    fn go(&mut self, state: State) -> Progress {
        self.state = state;
        Progress::More
    }

    fn key_text(&mut self, c: char) -> Progress {
        self.raw.push(c);
        if self.value.push(c) == Progress::More {
            return Progress::More;
        }
        let Ok(key) = serde_json::from_str::<String>(&self.raw) else {
            return Progress::Broken;
        };
        self.field = match key.as_str() {
            "name" if self.name.is_none() => Field::Name,
            "arguments" | "parameters" if !self.began => Field::Arguments,
            _ => Field::Other,
        };
        self.go(State::Colon)
    }

    fn first_of_value(&mut self, c: char) -> Progress {
        self.value = Value::default();
        self.raw.clear();
        let fits = match self.field {
            Field::Name => c == '"',
            // "null" stands for no arguments.
            Field::Arguments => matches!(c, '{' | '"' | 'n'),
            Field::Other => true,
        };
        if !fits {
            return Progress::Broken;
        }
        if self.field == Field::Arguments {
            self.quoted = c != '{';
            // Text inside a string is known only when it is whole.
            self.began = !self.quoted;
        }
        self.state = State::InValue;
        self.in_value(c)
    }

    fn in_value(&mut self, c: char) -> Progress {
        let progress = self.value.push(c);
        if progress == Progress::Broken {
            // A scalar ends before what follows it; nothing else may break off.
            if !self.value.scalar || self.end_of_value().is_none() {
                return Progress::Broken;
            }
            return self.push(c);
        }
        match self.field {
            Field::Arguments if !self.quoted => self.arguments.push(c),
            Field::Name | Field::Arguments => self.raw.push(c),
            Field::Other => {}
        }
        if progress == Progress::Complete && self.end_of_value().is_none() {
            return Progress::Broken;
        }
        Progress::More
    }

    /// Understands a value that is complete.
    fn end_of_value(&mut self) -> Option<()> {
        self.state = State::Next;
        match self.field {
            Field::Name => {
                let name: String = serde_json::from_str(&self.raw).ok()?;
                self.name = Some(name);
            }
            Field::Arguments if self.quoted && self.raw == "null" => {
                self.arguments.push_str("{}");
                self.began = true;
            }
            Field::Arguments if self.quoted => {
                let text: String = serde_json::from_str(&self.raw).ok()?;
                let inner: serde_json::Value = serde_json::from_str(&text).ok()?;
                if !inner.is_object() {
                    return None;
                }
                self.arguments = text;
                self.began = true;
            }
            Field::Arguments | Field::Other => {}
        }
        Some(())
    }
}
