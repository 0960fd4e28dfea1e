// One storage account, for identities and signatures of identities alone: it has no usable key.
param name string
param location string

@description('Containers to make.')
param containers array

@description('Queues to make.')
param queues array = []

@description('Addresses outside the network that may reach it, such as 203.0.113.7 or 203.0.113.0/24.')
param ranges array = []

@description('Subnets that may reach it by a service endpoint.')
param subnetIds array = []

@description('Origins of pages that may upload to it, by a signature for just that object.')
param origins array = []

@description('Beginnings of names, each with its container, of what is deleted by itself.')
param fadingPrefixes array = []

@description('Days after which that is deleted.')
param fadingDays int = 180

@description('Who may make signatures, each with id and type; these allow no more than their signer may do.')
param signers array = []

@description('URL of the vault with the key that encrypts it; empty: a key of the platform.')
param vaultUri string = ''

@description('Name of that key.')
param keyName string = ''

@description('Id of the identity that may use that key.')
param keyIdentityId string = ''

var delegator = 'db58b8e5-c6ad-4a2a-8342-4190687cbf4a'

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: name
  location: location
  kind: 'StorageV2'
  sku: {
    name: 'Standard_ZRS'
  }
  identity: empty(keyIdentityId) ? {
    type: 'None'
  } : {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${keyIdentityId}': {}
    }
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    // One with queues must be reached by Event Grid; nobody else is let in without ranges.
    publicNetworkAccess: empty(ranges) && empty(subnetIds) && empty(queues) ? 'Disabled' : 'Enabled'
    networkAcls: {
      // Event Grid delivers as a service that is trusted, and by its identity.
      bypass: 'AzureServices'
      defaultAction: 'Deny'
      ipRules: [for range in ranges: {
        value: range
        action: 'Allow'
      }]
      virtualNetworkRules: [for subnet in subnetIds: {
        id: subnet
        action: 'Allow'
      }]
    }
    encryption: empty(keyIdentityId) ? {
      keySource: 'Microsoft.Storage'
      requireInfrastructureEncryption: true
    } : {
      keySource: 'Microsoft.Keyvault'
      requireInfrastructureEncryption: true
      identity: {
        userAssignedIdentity: keyIdentityId
      }
      keyvaultproperties: {
        keyvaulturi: vaultUri
        keyname: keyName
      }
    }
  }
}

// Who makes signatures: for an upload of the page, or for an outsider.
resource sign 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for signer in signers: {
  name: guid(account.id, signer.id, delegator)
  scope: account
  properties: {
    principalId: signer.id
    principalType: signer.type
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', delegator)
  }
}]

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: {
      enabled: true
      days: 7
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 7
    }
    cors: {
      corsRules: [for origin in origins: {
        allowedOrigins: [
          origin
        ]
        allowedMethods: [
          'PUT'
        ]
        allowedHeaders: [
          'x-ms-blob-type'
          'content-type'
        ]
        exposedHeaders: []
        maxAgeInSeconds: 3600
      }]
    }
  }
}

resource made 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = [for container in containers: {
  parent: blobs
  name: container
  properties: {
    publicAccess: 'None'
  }
}]

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2025-06-01' = {
  parent: account
  name: 'default'
}

resource madeQueues 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-06-01' = [for queue in queues: {
  parent: queueService
  name: queue
}]

resource fading 'Microsoft.Storage/storageAccounts/managementPolicies@2025-06-01' = if (!empty(fadingPrefixes)) {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'cool-then-gone'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: [
                'blockBlob'
              ]
              prefixMatch: fadingPrefixes
            }
            actions: {
              baseBlob: {
                tierToCool: {
                  daysAfterModificationGreaterThan: 30
                }
                delete: {
                  daysAfterModificationGreaterThan: fadingDays
                }
              }
            }
          }
        }
      ]
    }
  }
}

output accountName string = account.name
output accountId string = account.id
