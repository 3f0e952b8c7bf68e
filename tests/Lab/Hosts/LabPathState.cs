namespace OvirtSpm.Lab.Hosts;

internal enum LabPathState
{
    Whole,

    /// <summary>Ten requests a second are done, those that wait one after the other.</summary>
    Slow,

    /// <summary>Every read and write fails.</summary>
    Failing,

    /// <summary>Reads and writes wait.</summary>
    Hanging,

    /// <summary>Only writes wait.</summary>
    HoldingWrites,
}
