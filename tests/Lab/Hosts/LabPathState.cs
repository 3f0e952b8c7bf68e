namespace OvirtSpm.Lab.Hosts;

internal enum LabPathState
{
    Whole,

    /// <summary>Every read and write fails.</summary>
    Failing,

    /// <summary>Reads and writes wait.</summary>
    Hanging,

    /// <summary>Only writes wait.</summary>
    HoldingWrites,
}
