namespace OvirtSpm.Monitor.Qmp;

/// <summary>QEMU understood a command and refused it. The session goes on.</summary>
public sealed class QmpCommandException(string command, string errorClass, string description)
    : Exception($"QEMU refused '{command}': {description} ({errorClass})")
{
    public string Command { get; } = command;

    /// <summary>QEMU's error class: GenericError, CommandNotFound, DeviceNotFound…</summary>
    public string ErrorClass { get; } = errorClass;

    public string Description { get; } = description;
}

/// <summary>The conversation with QEMU is over or never began; whether an open command took effect is unknown.</summary>
public sealed class QmpSessionException(string reason, Exception? cause = null) : IOException(reason, cause);
