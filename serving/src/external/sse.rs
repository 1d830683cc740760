//! Pure: the `data:` of server-sent events out of pieces of a body.

/// Longest line that is taken; a tool call with large arguments may be one.
const MAX_LINE_BYTES: usize = 4 * 1024 * 1024;

/// A line has no end, or ends too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

/// Cuts a body into lines.
#[derive(Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    read: usize,
}

impl Lines {
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.bytes.drain(..self.read);
        self.read = 0;
        self.bytes.extend_from_slice(piece);
    }

    /// The next event's data; `None` when more of the body is needed. Comments, names and empty
    /// lines are passed over: the servers that we speak to put each event's data on one line.
    pub(super) fn next_data(&mut self) -> Option<Result<String, TooLong>> {
        loop {
            let rest = &self.bytes[self.read..];
            let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                return (rest.len() > MAX_LINE_BYTES).then_some(Err(TooLong));
            };
            let line = String::from_utf8_lossy(&rest[..end]).into_owned();
            self.read += end + 1;
            if let Some(data) = line.trim_end_matches('\r').strip_prefix("data:") {
                return Some(Ok(data.trim_start().to_owned()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Lines, TooLong};

    #[test]
    fn lines_are_whole_however_the_body_is_cut() {
        let body = ": hello\r\ndata: {\"a\":\"你\"}\r\n\r\nevent: x\ndata:[DONE]\n\n".as_bytes();
        for size in 1..body.len() {
            let (mut lines, mut seen) = (Lines::default(), Vec::new());
            for piece in body.chunks(size) {
                lines.push(piece);
                while let Some(Ok(data)) = lines.next_data() {
                    seen.push(data);
                }
            }
            assert_eq!(seen, ["{\"a\":\"你\"}", "[DONE]"], "{size}");
        }
    }

    #[test]
    fn a_line_without_an_end_is_refused() {
        let mut lines = Lines::default();
        lines.push(&vec![b'x'; 5 * 1024 * 1024]);
        assert_eq!(lines.next_data(), Some(Err(TooLong)));
    }
}
