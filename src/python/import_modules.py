# pybuild program: import-modules
# Arguments: names of modules.
# Output: for each a line `NAME<tab>works`, or `NAME<tab>ERROR`.
import sys
for name in sys.argv[1:]:
    try:
        __import__(name)
        print(name + '\tworks')
    except Exception as error:
        print(name + '\t' + str(error).replace('\n', ' '))
