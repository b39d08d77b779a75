//! Problems in definition files: all of them at once, each with its place, an excerpt and a hint.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

/// A definition file's text under the name people know it by.
#[derive(Debug)]
pub struct SourceFile {
    /// Path, or `shipped rules/NAME.toml`.
    pub name: String,
    /// Where it lies; relative paths inside it start from its folder.
    pub path: Option<PathBuf>,
    /// The whole text.
    pub text: String,
}

impl SourceFile {
    /// Reads a file.
    ///
    /// # Errors
    /// As a problem, so that it is reported together with the others.
    pub fn read(path: &Path) -> Result<Arc<Self>, Problem> {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Arc::new(Self { name, path: Some(path.to_owned()), text })),
            Err(error) => {
                let source = Arc::new(Self { name, path: Some(path.to_owned()), text: String::new() });
                Err(Problem::new(&source, 0..0, format!("cannot read {}: {error}", path.display())))
            }
        }
    }
}

/// One problem.
#[derive(Debug, Clone)]
pub struct Problem {
    source: Arc<SourceFile>,
    span: Range<usize>,
    message: String,
    hint: Option<String>,
}

/// All problems of a set of files; never empty where it is an error.
#[derive(Debug, Clone, Default)]
pub struct Problems(pub Vec<Problem>);

impl Problem {
    /// A problem at a byte range of a file.
    pub fn new(source: &Arc<SourceFile>, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { source: Arc::clone(source), span, message: message.into(), hint: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The byte it starts at.
    pub fn start(&self) -> usize {
        self.span.start
    }

    /// `file:line:column`, counted from 1.
    pub fn place(&self) -> String {
        let before = self.source.text.get(..self.span.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("{}:{line}:{column}", self.source.name)
    }

    /// With excerpt and hint, for a terminal.
    pub fn render(&self, colour: bool) -> String {
        let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_context_lines(1);
        let mut out = format!("{}\n", self.place());
        let excerpt = Excerpt { problem: self, source: NamedSource::new(&self.source.name, self.source.text.clone()) };
        match handler.render_report(&mut out, &excerpt) {
            Ok(()) => out,
            Err(_) => self.to_string(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

impl Problems {
    /// All of them, for a terminal, with a count at the end.
    pub fn render(&self, colour: bool) -> String {
        let mut out: String = self.0.iter().map(|problem| problem.render(colour) + "\n").collect();
        let count = self.0.len();
        out.push_str(&format!("{count} problem{} found", if count == 1 { "" } else { "s" }));
        out
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Problems {}

/// A problem in the clothes of the diagnostics library.
#[derive(Debug)]
struct Excerpt<'a> {
    problem: &'a Problem,
    source: NamedSource<String>,
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem.message)
    }
}

impl std::error::Error for Excerpt<'_> {}

impl Diagnostic for Excerpt<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.problem.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        (!self.problem.source.text.is_empty()).then_some(&self.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(Some("here".to_owned()), self.problem.span.clone());
        (!self.problem.source.text.is_empty()).then(|| Box::new(std::iter::once(label)) as Box<dyn Iterator<Item = _>>)
    }
}
