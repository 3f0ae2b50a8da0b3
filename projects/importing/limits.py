"""What one file may hold. Every limit is named in the message of the file that exceeds it."""

MAX_TEXT = 1_000_000  # characters of one item: longer ones no page can show
MAX_CELL = (
    4_000_000  # characters of one cell of a CSV: in a longer one a quote is missing. (Between the two: the row is left out.)
)
MAX_LINE = 16_000_000  # characters of one line: JSON may take six for one
MAX_KEY = 255
MAX_LABEL = 200
MAX_LABELS = 1000  # more different labels than this: the wrong column was chosen
MAX_COLUMNS = 2000
MAX_PIXELS = 50_000_000  # of one picture, read from its header before anything is decoded
MAX_PICTURE_BYTES = 50 * 2**20
MAX_TABLE_BYTES = 100 * 2**20  # the CSV of labels inside an archive, unpacked
MAX_ARCHIVE_BYTES = 20 * 2**30  # all pictures of an archive, unpacked
SHOWN_ERRORS = 100  # on the page and in REST; the report has all
