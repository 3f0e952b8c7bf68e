namespace OvirtSpm.Volumes.SpmVolume;

/// <summary>What resets a host that cannot stop writing by itself; the number on disk.</summary>
public enum WatchdogKind : byte
{
    /// <summary>Nothing: its late writes are detected and repaired, not prevented.</summary>
    None = 0,

    /// <summary>A watchdog device fed by the node.</summary>
    Device = 1,

    /// <summary>The daemon wdmd, shared with sanlock.</summary>
    Wdmd = 2,
}
