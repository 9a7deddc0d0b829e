"""`stemd bench report`: all suites in one page, in Markdown, and as the README's figures. It starts in `command`."""
