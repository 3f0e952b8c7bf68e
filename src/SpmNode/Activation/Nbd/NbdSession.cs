namespace OvirtSpm.Node.Activation.Nbd;

/// <summary>What client and server agreed on before the first request.</summary>
internal sealed class NbdSession
{
    public bool NoZeroes { get; set; }

    public bool StructuredReplies { get; set; }

    public bool BaseAllocation { get; set; }

    public static NbdTransmissionFlags Flags(INbdExport export, bool structured) =>
        NbdTransmissionFlags.HasFlags | NbdTransmissionFlags.SendFlush | NbdTransmissionFlags.SendFua
        // Safe: a flush covers what any connection was answered, and reads of all of them go to the device.
        | NbdTransmissionFlags.CanMultiConn
        | (structured ? NbdTransmissionFlags.SendDf : 0)
        | (export.ReadOnly
            ? NbdTransmissionFlags.ReadOnly
            : NbdTransmissionFlags.SendTrim | NbdTransmissionFlags.SendWriteZeroes | NbdTransmissionFlags.SendFastZero);
}
