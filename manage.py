#!/usr/bin/env python
"""Django's command line; `manage.py start` runs the whole platform."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "alambic_site.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:  # a setting of the environment: one line, no traceback
        sys.exit(f"ALAMBIC cannot start: {error}")


if __name__ == "__main__":
    main()
