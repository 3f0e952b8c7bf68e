// Each test boots several emulated hosts, which take every core there is.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
