namespace OvirtSpm.Simulation.Pool;

/// <summary>One kind of thing that goes wrong at a moment.</summary>
internal enum PoolFault
{
    /// <summary>The program stops; disk and clocks go on.</summary>
    Freeze,

    /// <summary>The program dies and is started again, with writes of its last life perhaps still in the kernel.</summary>
    Kill,

    /// <summary>The machine is reset: writes on their way are torn.</summary>
    Reset,

    /// <summary>The program is asked to end.</summary>
    Stop,

    /// <summary>All paths are gone; what was queued lands when they are back.</summary>
    Cut,

    /// <summary>All paths are gone; what was queued is answered with errors in the end.</summary>
    CutAndDrop,

    /// <summary>The machine sleeps, its adapters and its watchdog with it; the boot clock goes on.</summary>
    Suspend,

    /// <summary>One bit of something that is read often is wrong.</summary>
    Rot,

    /// <summary>The SPM goes when the votes of those who want its place are held by the storage, or rot as they land.</summary>
    Contest,

    /// <summary>Messages of one host do not arrive at another.</summary>
    OneWay,

    /// <summary>No message arrives for a while, then all of them in any order.</summary>
    Clog,

    /// <summary>Stock lvm2 changes the group beside us.</summary>
    Foreign,
}
