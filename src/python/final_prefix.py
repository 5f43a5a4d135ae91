
final = sys.argv[1:2] == ['--final-prefix']
if final:
    # sysconfig is not imported yet, so pip takes the folders and the scripts' interpreter from these.
    sys.prefix = sys.exec_prefix = sys.base_prefix = sys.base_exec_prefix = sys.argv[2]
    sys.executable = '%s/bin/python%d.%d' % ((sys.prefix,) + sys.version_info[:2])
    del sys.argv[1:3]
