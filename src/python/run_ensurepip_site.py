if not final and '--root' not in sys.argv:
    # Up to Python 3.13, `site` finds the folders of a virtual environment.
    sys.modules['sitecustomize'] = sys.modules['usercustomize'] = type(sys)('empty')
    import site
    site.main()
if sys.dont_write_bytecode:
    # Not every pip has an option for that.
    import compileall
    compileall.compile_file = compileall.compile_dir = lambda *arguments, **options: False
