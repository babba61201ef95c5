"""``python -m pmoe``: the command ``pmoe``."""

from pmoe._command import main

if __name__ == "__main__":
    main()
