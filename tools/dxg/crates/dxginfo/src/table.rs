// SPDX-License-Identifier: GPL-2.0

//! Lays out tables: aligned columns under a header, within the width of the output.

use crate::text::Style;
use unicode_width::UnicodeWidthStr;

/// Between two columns.
const GAP: usize = 2;

/// What stands where there is no answer.
pub(crate) const NONE: &str = "-";

/// A column's header and layout.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    title: &'static str,
    right: bool,
    /// The width down to which the column may be cut.
    least: Option<usize>,
}

impl Column {
    /// Text, starting under its header.
    pub(crate) const fn left(title: &'static str) -> Self {
        Self {
            title,
            right: false,
            least: None,
        }
    }

    /// Numbers, ending under their header.
    pub(crate) const fn right(title: &'static str) -> Self {
        Self {
            right: true,
            ..Self::left(title)
        }
    }

    /// May be cut to this width if the table is too wide.
    pub(crate) const fn at_least(self, columns: usize) -> Self {
        Self {
            least: Some(columns),
            ..self
        }
    }
}

/// A table of text.
pub(crate) struct Table<const N: usize> {
    columns: [Column; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(columns: [Column; N]) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a row; an unknown cell shows as `-`.
    pub(crate) fn row(&mut self, cells: [Option<String>; N]) {
        self.rows
            .push(cells.map(|cell| cell.unwrap_or_else(|| NONE.to_owned())));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines of the table, each indented by so many columns.
    pub(crate) fn render(&self, style: Style, indent: usize) -> String {
        let rows: Vec<[String; N]> = self
            .rows
            .iter()
            .map(|row| row.each_ref().map(|cell| style.clean(cell)))
            .collect();
        let widths = self.widths(&rows, style.width.saturating_sub(indent));
        let titles = self.columns.map(|column| column.title.to_owned());
        let mut text = String::new();
        for row in std::iter::once(&titles).chain(&rows) {
            let mut line = " ".repeat(indent);
            for ((cell, column), &width) in row.iter().zip(&self.columns).zip(&widths) {
                let cell = style.fit(cell, width);
                let fill = " ".repeat(width.saturating_sub(cell.width()));
                if column.right {
                    line.extend([&*fill, &*cell]);
                } else {
                    line.extend([&*cell, &*fill]);
                }
                line.push_str(&" ".repeat(GAP));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// As wide as the widest cell; then the widest column that may be cut gives way, one column of
    /// text at a time, until all fit.
    fn widths(&self, rows: &[[String; N]], total: usize) -> [usize; N] {
        let mut widths = self.columns.map(|column| column.title.width());
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        while widths.iter().sum::<usize>() + GAP * N.saturating_sub(1) > total {
            let widest = widths
                .iter_mut()
                .zip(&self.columns)
                .filter(|(width, column)| column.least.is_some_and(|least| **width > least))
                .max_by_key(|(width, _)| **width);
            match widest {
                Some((width, _)) => *width -= 1,
                None => break,
            }
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: Style = Style {
        unicode: false,
        width: 30,
    };

    fn table() -> Table<3> {
        Table::new([
            Column::left("NAME").at_least(6),
            Column::right("SIZE"),
            Column::left("NOTE").at_least(6),
        ])
    }

    fn cells(cells: [&str; 3]) -> [Option<String>; 3] {
        cells.map(|cell| Some(cell.to_owned()))
    }

    #[test]
    fn columns_are_aligned_and_lines_have_no_trailing_blanks() {
        let mut table = table();
        table.row(cells(["a", "1.0 GiB", "x"]));
        table.row([None, Some("2 B".to_owned()), None]);
        assert_eq!(
            table.render(STYLE, 1),
            " NAME     SIZE  NOTE\n \
               a     1.0 GiB  x\n \
               -         2 B  -\n"
        );
    }

    #[test]
    fn the_widest_columns_give_way_first() {
        let mut table = table();
        table.row(cells(["a long and long name", "1.0 GiB", "short one"]));
        let text = table.render(STYLE, 0);
        assert_eq!(
            text,
            "NAME           SIZE  NOTE\n\
             a long...   1.0 GiB  short one\n"
        );
        assert!(text.lines().all(|line| line.width() <= STYLE.width));
    }

    #[test]
    fn columns_are_not_cut_below_their_least_width() {
        let mut table = table();
        table.row(cells([
            "a long, long name",
            "1234567890123456",
            "a long, long note",
        ]));
        let row = table.render(STYLE, 0).lines().nth(1).unwrap().to_owned();
        assert_eq!(row, "a l...  1234567890123456  a l...");
    }

    #[test]
    fn wide_characters_keep_columns_aligned() {
        let style = Style {
            unicode: true,
            ..STYLE
        };
        let mut table = table();
        table.row(cells(["図形", "1", "x"]));
        table.row(cells(["ab", "2", "y"]));
        assert_eq!(
            table.render(style, 0),
            "NAME  SIZE  NOTE\n図形     1  x\nab       2  y\n"
        );
    }
}
